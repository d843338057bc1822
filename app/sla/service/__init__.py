"""The use-cases of SLA."""
