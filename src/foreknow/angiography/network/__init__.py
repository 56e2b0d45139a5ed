"""Networks that see vessels."""
