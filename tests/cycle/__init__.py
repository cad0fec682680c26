"""Tests of atlas_actors/cycle."""
