"""The folder of a training run, seen from outside. Nothing here needs torch.

folder what lies where, how a folder gets its name · logs the losses and samples, written and read ·
reference what counting predicts on the same text · checkpoints their names, the newest · control
pause, resume, stop · status what the run is doing · lock one training per folder
"""

from minillama.runs.checkpoints import latest_checkpoint, step_of
from minillama.runs.logs import RunLog, Sample, read_log, read_samples
from minillama.runs.reference import Reference, read_reference

__all__ = [
    "Reference",
    "RunLog",
    "Sample",
    "latest_checkpoint",
    "read_log",
    "read_reference",
    "read_samples",
    "step_of",
]
