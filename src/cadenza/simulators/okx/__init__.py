"""A simulator of OKX's API v5: REST and the public, private and business sockets over matching engines.

It speaks the venue's wire, so every client works with it that lets its user replace the URL. What it accepted, filled
and canceled is in an append-only file on disk, and under `/simulator/` for tests.
"""
