"""Orders and money: the exchange, trigger orders, positions and settlement."""
