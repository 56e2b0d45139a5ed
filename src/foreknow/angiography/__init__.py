"""X-ray angiography."""
