"""Lock: preconditions, snapshot, signatures, verify, diff."""
