"""ccxt signs requests to DERIBIT, and the headers are printed. Run by the judge's own Python."""

import json

import ccxt

KEY, SECRET, AT_MS = "fo7WAPRm4P", "W0H6FJW4IRPZ1MOQ8FP6KMC5RZDUUKXS", 1_607_418_537_715
ASKED = [
    ("get_account_summary", {"currency": "BTC", "extended": "true"}),
    ("buy", {"instrument_name": "BTC-PERPETUAL", "amount": "10", "price": "59000.5", "label": "cz0123"}),
]


def main() -> None:
    exchange = ccxt.deribit({"apiKey": KEY, "secret": SECRET})
    exchange.nonce = exchange.milliseconds = lambda: AT_MS
    rows = []
    for path, params in ASKED:
        signed = exchange.sign(path, ["private"], "GET", params)
        target = signed["url"].partition(".com")[2]
        rows.append({"target": target, "header": signed["headers"]["Authorization"]})
    print(json.dumps({"key": KEY, "secret": SECRET, "requests": rows}))


main()
