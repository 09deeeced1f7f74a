"""Validate: review, double entry, reconciliation, checks and lock."""
