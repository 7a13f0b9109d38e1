"""Cross margin: an account that borrows and trades in the books of spot."""
