"""Orders: submit, cancel, apply what venues report, reconcile, list."""
