"""Tests of atlas_actors/mcp."""
