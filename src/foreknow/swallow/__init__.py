"""Swallowing, from depth video of the neck."""
