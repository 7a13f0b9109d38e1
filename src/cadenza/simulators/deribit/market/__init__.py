"""What the venue lists and displays: instruments, books and prices."""
