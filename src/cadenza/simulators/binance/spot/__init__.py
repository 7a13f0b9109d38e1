"""Spot: symbols, orders, money, and what clients read of them."""
