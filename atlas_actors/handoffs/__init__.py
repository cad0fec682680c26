"""Handoffs: how far interrupted work had come, kept for whoever goes on with it."""
