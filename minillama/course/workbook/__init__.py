"""The reader's copy of the course: a notebook with blanks, and a package that becomes theirs.

`%load_ext minillama.course.workbook` opens it in a notebook.
"""

from minillama.course.workbook.notebook import load_ipython_extension

__all__ = ["load_ipython_extension"]
