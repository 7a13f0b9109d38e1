"""A simulator of BITFINEX: its REST v2 and its WebSocket v2, over matching engines.

It imports nothing of the connector, nor the connector anything of it: each is written from the venue's documents, so
that each can find the other's mistakes.
"""
