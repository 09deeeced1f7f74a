"""The desk: the pages on which reviewers, arbitrators, abstractors and the data manager work."""
