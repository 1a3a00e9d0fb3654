"""Everything that belongs to one lesson: its checks, their known mistakes, its solutions."""
