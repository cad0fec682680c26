"""Tests of atlas_actors/proposals."""
