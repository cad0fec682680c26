"""The files of a person's project: which may be read, what became of them, outlines of them."""
