"""BINANCE: a native connector. Spot, cross margin and USD-M accounts trade; spot and USD-M publish books.

The pure half: signing (`credential`), the payloads (`models`, `models_usdm`), the tables of words (`mapping`), payloads
to reports and market messages (`parse`, `parse_spot`, `parse_usdm`, `parse_market`, `parse_instruments`), orders to
requests (`orders`, `requests`), and what a reply proves (`classify`). All of that is free of I/O, clocks and state, so
a test needs nothing but a payload.

`spec` says what the venue can do, `endpoints` and `rest` are the raw client of its REST APIs, `stream` that of user
data. `dialects` and `usdm_dialect` say how each market is spoken to, and `execution` is a session over any of them,
with `inquiry` (single orders), `account_reading` (snapshots) and `history` (replay). `connector` makes sessions and
feeds, `reached_accounts` says what a key reaches, `unlisted_symbols` has the catalogue read again.

Public market data: `market_data` opens and closes books; `market_desk` keeps the feeds of one market (connections,
snapshots, readings), `market_stream` one connection, `instrument_feed` one instrument; `market_wire` says how each
market publishes.

Nothing here was checked against the venue itself: it follows the public documents and recorded payloads.
"""
