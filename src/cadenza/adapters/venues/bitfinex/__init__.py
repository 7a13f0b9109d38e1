"""BITFINEX: spot, margin and derivatives over REST v2 and WebSocket v2.

Start with `connector.py`. The venue's facts and what they were proved against stand in `docs/venues/bitfinex.md`.
"""
