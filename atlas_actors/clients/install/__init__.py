"""Putting Atlas' hooks into the settings of coding agents, and taking them out again."""
