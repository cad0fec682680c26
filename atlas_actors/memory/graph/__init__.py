"""What memories name, how that hangs together, and since when."""
