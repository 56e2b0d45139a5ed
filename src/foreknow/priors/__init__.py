"""Priors (regularisers) with proximal maps."""
