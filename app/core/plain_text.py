"""Patterns of text that may be stored."""

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text holds any character but this one."""
_WHITE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Of a text that is stripped before its length is looked at the document says so: something is left.
NOT_BLANK = rf"^[^\x00]*[^\x00{_WHITE}][^\x00]*$"
PRINTED = rf"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f{_WHITE}][^\x00-\x1f\x7f]*$"
"""On one line, as names are."""
