"""Trading accounts, credentials (facts only), balances, portfolios and operations."""
