"""Heads: checks, their known mistakes, and solutions."""
