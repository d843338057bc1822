"""The use-cases of webhooks, one file a group of verbs."""
