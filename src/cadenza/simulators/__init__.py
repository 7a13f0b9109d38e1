"""Venues' own wire protocols as local servers over one simulated exchange, for tests and for trying a client without an
account. A simulator never imports a connector, and no connector imports a simulator."""
