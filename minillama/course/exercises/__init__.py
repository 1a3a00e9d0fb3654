"""Solutions of the lessons' exercises, one file a lesson, for the checks to start from."""
