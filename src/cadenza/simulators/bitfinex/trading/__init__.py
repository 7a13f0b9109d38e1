"""Orders, wallets and positions."""
