"""What we need from the world: Protocols, each with its law in the docstring."""
