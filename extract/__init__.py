"""Extract: protocol, keywords, HIS engines, pull, landing, evidence and screening."""
