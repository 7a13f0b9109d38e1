"""USD-M futures: contracts, orders, conditional orders, positions and margin, and what clients read of them."""
