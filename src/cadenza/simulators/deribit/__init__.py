"""A simulator of DERIBIT: JSON-RPC over one WebSocket and over HTTP, over matching engines.

It speaks the venue's wire, so every client works with it that lets its user replace the URL. What it accepted, filled
and canceled is in an append-only file on disk, and under `/simulator/` for tests.
"""
