"""RMSNorm: checks, their known mistakes, and solutions."""
