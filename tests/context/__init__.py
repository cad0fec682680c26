"""Tests of atlas_actors/context."""
