"""The course's own tools: build cells, checks that explain, workbooks."""

from minillama.course.checking import CheckResult, check

__all__ = ["CheckResult", "check"]
