"""What tests ask and order."""
