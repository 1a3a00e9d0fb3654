"""SwiGLU: checks, their known mistakes, and solutions."""
