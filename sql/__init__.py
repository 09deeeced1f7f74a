"""SQL text: the study queries and the sites mapping packs."""
