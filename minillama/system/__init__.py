"""Helpers that know no model: files, processors, memory, and the assets that are shipped."""
