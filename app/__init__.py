"""Switchboard, the open contact-centre backend."""

__version__ = "0.1.0"
