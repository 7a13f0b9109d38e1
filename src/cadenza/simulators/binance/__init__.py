"""A simulator of BINANCE spot, cross margin and USD-M futures: REST, WebSocket APIs and streams over matching engines.

It speaks the venue's wire, so every client works with it that lets its user replace the URL. What it accepted, filled
and canceled is in an append-only file on disk, and under `/simulator/` for tests.
"""
