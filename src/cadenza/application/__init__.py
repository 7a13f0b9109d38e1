"""What can be asked: one use case, one file, one verb."""
