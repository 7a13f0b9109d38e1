"""Credentials, trading accounts, portfolios, operations and account subscriptions."""
