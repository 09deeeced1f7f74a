"""The demo HIS: a seeded hospital with a known truth."""
