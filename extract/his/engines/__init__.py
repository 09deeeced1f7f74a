"""Engines: one small protocol, run a query and yield Arrow batches, on every database."""
