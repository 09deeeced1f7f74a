"""Safety of the HIS: what it takes for a statement of ours to be sent."""
