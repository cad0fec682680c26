"""Coding agents as Atlas sees them: hooks as events, answers as theirs, and how to install."""
