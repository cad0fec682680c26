"""The embedded model's file: which one, where, is it whole, and how to get it."""
