"""Sampling: checks, their known mistakes, and solutions."""
