"""The use-cases of conversations, one file a group of verbs."""
