"""The connector of OKX (v5): one unified account, which trades spot, margin, futures and options by its account mode.

`spec.py` says what the venue can do; `connector.py` ties the other files together.
"""
