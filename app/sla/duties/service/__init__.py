"""The use-cases of what a breach leaves people to do."""
