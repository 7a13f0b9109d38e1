"""The ledger of truth: what is kept, and the file that keeps it."""
