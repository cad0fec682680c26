"""What every action came to, and how that was verified."""
