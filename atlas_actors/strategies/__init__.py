"""Approaches to each intent, which live and die by verified outcomes."""
