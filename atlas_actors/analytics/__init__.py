"""The health of every part, and what is adjusted because of it."""
