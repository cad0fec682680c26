"""Submits work at its time: once, every so often, daily, weekly or by a cron expression."""
