"""Orders, conditional orders, positions and money, and the requests that change and list them."""
