"""The methods that clients call, and the payloads that they read."""
