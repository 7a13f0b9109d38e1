"""What everyone may ask and listen to: instruments, prices, books and trades."""
