"""What runs, in which order, and what happens when it ends."""
