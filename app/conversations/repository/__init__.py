"""Statements on conversations, messages, deliveries and read marks."""
