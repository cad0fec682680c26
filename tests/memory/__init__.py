"""Tests of the room memory."""
