"""Error rates, shared by tests and benchmarks."""
