"""The course's own tools: build cells, checks that explain, workbooks."""

from minillama.course.build import load_ipython_extension
from minillama.course.check import check
from minillama.course.checking.check import CheckResult
from minillama.course.workbook.notebook import progress

__all__ = ["CheckResult", "check", "load_ipython_extension", "progress"]
