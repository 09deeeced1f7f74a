"""Double entry: form rules, typed equality, discrepancies, error rates."""
