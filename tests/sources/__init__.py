"""Tests of atlas_actors/sources."""
