"""Attention: checks, their known mistakes, and solutions."""
