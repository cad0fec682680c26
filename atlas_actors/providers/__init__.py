"""Wire formats of model servers, pure functions, one file each."""
