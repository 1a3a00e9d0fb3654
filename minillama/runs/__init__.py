"""The folder of a training run, seen from outside: its files, logs, lock and status. No torch."""

from minillama.runs.folder import read_log, read_samples

__all__ = ["read_log", "read_samples"]
