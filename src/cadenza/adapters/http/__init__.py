"""The REST interface: how HTTP reaches the use cases."""
