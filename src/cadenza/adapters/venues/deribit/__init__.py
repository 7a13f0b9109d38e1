"""The connector of DERIBIT (JSON-RPC 2.0): spot pairs, perpetuals, futures and options, inverse and linear.

`spec.py` says what the venue can do; `connector.py` ties the other files together.
"""
