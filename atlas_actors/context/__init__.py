"""Which files the next turn is about, and how much of each is worth its tokens."""
