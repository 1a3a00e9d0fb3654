"""LLaMA: checks, their known mistakes, and solutions."""
