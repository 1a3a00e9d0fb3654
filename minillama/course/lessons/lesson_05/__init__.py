"""RoPE: checks, their known mistakes, and solutions."""
