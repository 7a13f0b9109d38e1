"""The wiring of each family, called by `bootstrap`."""
