"""Statements of routing: live work and agents, queues, checks."""
