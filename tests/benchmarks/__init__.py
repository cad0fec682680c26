"""Benchmarks: started by people through scripts/bench; each compares with a peer in one run."""
