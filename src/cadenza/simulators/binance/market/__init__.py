"""What all markets share: engines, a counter-market, numbered books and public streams."""
