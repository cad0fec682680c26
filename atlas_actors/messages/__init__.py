"""The words between rooms, one file a conversation."""
