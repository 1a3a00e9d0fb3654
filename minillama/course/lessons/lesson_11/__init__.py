"""Training: checks, their known mistakes, and solutions."""
