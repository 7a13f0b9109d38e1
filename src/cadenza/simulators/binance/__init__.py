"""A simulator of BINANCE spot: REST, WebSocket API and market streams over a matching engine and a ledger.

It speaks the venue's wire, so every client works with it that lets its user replace the URL. What it accepted, filled
and canceled is in an append-only file on disk, and under `/simulator/` for tests.
"""
