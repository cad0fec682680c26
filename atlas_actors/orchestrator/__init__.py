"""Leads each task through the providers until its answer is verified."""
