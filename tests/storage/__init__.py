"""What happens to rooms when their files, their disk or their power fail."""
