"""Decides, without a model, what a request is and who should do it."""
