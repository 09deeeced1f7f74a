"""What a record says: evidence, measurements, timepoints, screening."""
