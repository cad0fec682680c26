"""A task's own directory: made before the work, compared after it, applied or discarded."""
