"""Whole numbers in bodies: no text that looks like one, no flag, and no 3.0."""

from typing import Annotated

from pydantic import Strict

# Not a validator of our own: pydantic would then leave the limits of a field out of the document.
WholeNumber = Annotated[int, Strict()]
