"""The key-value cache: checks, their known mistakes, and solutions."""
