"""How records come out of a hospital: sites, engines, pull, landing."""
