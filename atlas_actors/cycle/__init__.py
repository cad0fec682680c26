"""The cycle: one look at everything in a fixed order, and the detectors that find work."""
