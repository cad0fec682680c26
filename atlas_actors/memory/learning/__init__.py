"""What sessions and work have shown becomes learnings and decisions, by rules."""
