"""Measurements against peers and baselines: `python -m benchmarks [names...] [--quick]` (see `__main__`)."""
