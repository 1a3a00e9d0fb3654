"""The tour: checks, their known mistakes, and solutions."""
