"""What was learned yesterday is there today, and found."""
