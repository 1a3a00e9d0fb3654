"""The tokenizer: checks, their known mistakes, and solutions."""
