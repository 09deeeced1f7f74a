"""Review: dual independent opinions, arbitration, agreement."""
