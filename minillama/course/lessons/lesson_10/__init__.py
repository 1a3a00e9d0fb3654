"""Data, a lesson that is not written yet: the checks of what it will build."""
