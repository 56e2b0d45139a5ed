"""Oral cytology."""
