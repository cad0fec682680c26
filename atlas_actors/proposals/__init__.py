"""Proposals: work that Atlas found worth doing, and what was decided on it."""
