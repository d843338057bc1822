"""Patterns of text that may be stored."""

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text holds any character but this one."""
