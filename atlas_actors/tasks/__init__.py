"""Durable work: accepted, claimed, ended, never lost."""
