"""Strategy 1, the likelihood: mathematical models as learnable simulators, with data assimilation."""
