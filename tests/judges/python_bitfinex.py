"""bitfinex-api-py trades against a simulator of BITFINEX, unmodified but for its hosts, and prints what it saw.

Run by the judge's own Python: `python_bitfinex.py URL KEY SECRET`. It imports nothing of this project.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

from bfxapi import Client
from bfxapi.rest.exceptions import GenericError, RequestParameterError


def judge_rest(rest: Any) -> dict[str, Any]:
    auth, public = rest.auth, rest.public
    placed = [
        auth.submit_order("EXCHANGE LIMIT", "tBTCUSD", "0.01", "50000", cid=5, gid=7),
        auth.submit_order("EXCHANGE MARKET", "tBTCUSD", "0.1", "0"),
        auth.submit_order("EXCHANGE MARKET", "tBTCUSD", "-0.05", "0"),
        auth.submit_order("EXCHANGE IOC", "tBTCUSD", "0.01", "59000"),
        auth.submit_order("EXCHANGE FOK", "tBTCUSD", "0.01", "60006"),
        auth.submit_order("EXCHANGE LIMIT", "tBTCUSD", "0.01", "60006", flags=4096),
        auth.submit_order("EXCHANGE STOP", "tBTCUSD", "-0.01", "55000"),
        auth.submit_order("EXCHANGE STOP LIMIT", "tBTCUSD", "-0.01", "55000", price_aux_limit="54900"),
        auth.submit_order("EXCHANGE TRAILING STOP", "tBTCUSD", "-0.01", "0", price_trailing="1000"),
        auth.submit_order("MARKET", "tBTCUSD", "0.1", "0"),
        auth.submit_order("MARKET", "tBTCF0:USTF0", "0.1", "0", lev=20),
    ]
    updated = auth.update_order(placed[0].data.id, price="51000")
    refusals = []
    for amount, symbol in (("100", "tBTCUSD"), ("0.01", "tNONE")):
        try:
            auth.submit_order("EXCHANGE LIMIT", symbol, amount, "50000")
        except (GenericError, RequestParameterError) as error:
            refusals.append([type(error).__name__, str(error)])
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    canceled = auth.cancel_order(cid=5, cid_date=today)
    open_orders = auth.get_orders(symbol="tBTCUSD")
    bought = placed[1].data
    return {
        "statuses": [each.data.order_status for each in placed],
        "texts": sorted({each.status for each in placed}),
        "updated": [updated.type, updated.data.price],
        "refusals": refusals,
        "canceled": [canceled.data.cid, canceled.text.startswith("Submitted for cancellation")],
        "open": [order.order_type for order in open_orders],
        "all": [order.id for order in auth.cancel_order_multi(all=True).data]
        == [order.id for order in reversed(open_orders)],
        "history": len(auth.get_orders_history(limit=100)),
        "order_trades": [
            [trade.exec_amount, trade.exec_price, trade.fee, trade.fee_currency]
            for trade in auth.get_order_trades("tBTCUSD", bought.id)
        ],
        "trades": len(auth.get_trades_history(limit=100)),
        "wallets": sorted([each.wallet_type, each.currency] for each in auth.get_wallets())[:3],
        "positions": [[each.symbol, each.amount, each.leverage] for each in auth.get_positions()],
        "margin": auth.get_base_margin_info().margin_balance > 0,
        "symbol_margin": auth.get_symbol_margin_info("tBTCUSD").symbol,
        "ledger": auth.get_ledgers("BTC", limit=1)[0].currency,
        "user": auth.get_user_info().username,
        "platform": public.get_platform_status().status,
        "ticker": public.get_t_ticker("tBTCUSD").last_price,
        "book": [public.get_t_book("tBTCUSD", "P0", len=1)[0].price, public.get_t_raw_book("tBTCUSD", len=1)[0].price],
        "tape": len(public.get_t_trades("tBTCUSD", limit=3)),
        "derivatives": len(public.get_derivatives_status("ALL")),
    }


def follow_market(bfx: Any, public: dict[str, Any]) -> None:
    """Subscribe to public channels, and note what they bring."""

    @bfx.on("open")
    async def opened() -> None:
        await bfx.subscribe("book", symbol="tBTCUSD", prec="P0", freq="F0", len="25")
        await bfx.subscribe("trades", symbol="tBTCUSD")
        await bfx.subscribe("ticker", symbol="tBTCUSD")
        await bfx.subscribe("status", key="deriv:tBTCF0:USTF0")

    @bfx.on("t_book_snapshot")
    def book(subscription: Any, rows: Any) -> None:
        public["book"] = [subscription["symbol"], len(rows)]

    @bfx.on("t_book_update")
    def change(subscription: Any, row: Any) -> None:
        public["change"] = row.count >= 0

    @bfx.on("checksum")
    def check(subscription: Any, value: int) -> None:
        public["checksum"] = 0 <= value < 2**32

    @bfx.on("t_trade_execution")
    def tape(subscription: Any, trade: Any) -> None:
        public["tape"] = trade.amount

    @bfx.on("t_ticker_update")
    def ticker(subscription: Any, row: Any) -> None:
        public["ticker"] = row.last_price

    @bfx.on("derivatives_status_update")
    def status(subscription: Any, row: Any) -> None:
        public["status"] = row.mark_price


async def judge_socket(client: Any) -> dict[str, Any]:
    """Follow public channels, and the life of two orders on the channel of the account."""
    bfx, seen, done = client.wss, [], asyncio.Event()
    public: dict[str, Any] = {}

    def note(name: str) -> Any:
        def hear(data: Any) -> None:
            if name == "wallet_update" and [data.wallet_type, data.currency] != ["exchange", "BTC"]:
                return
            seen.append([name, getattr(data, "order_status", None), getattr(data, "fee", None)])
            if name == "order_cancel" and data.order_status == "CANCELED":
                done.set()

        return hear

    follow_market(bfx, public)
    names = ("on-req-notification", "oc-req-notification", "order_new", "order_cancel", "trade_execution")
    for name in (*names, "trade_execution_update", "wallet_update"):
        bfx.on(name, note(name))

    @bfx.on("order_new")
    async def placed(order: Any) -> None:
        if order.order_type == "EXCHANGE LIMIT":
            await bfx.inputs.cancel_order(id=order.id)

    @bfx.on("authenticated")
    async def logged_in(event: Any) -> None:
        seen.append(["caps", event["caps"]["orders"]["write"], event["chanId"]])
        while "book" not in public or "ticker" not in public:  # noqa: ASYNC110 - filled by callbacks
            await asyncio.sleep(0.01)
        await bfx.inputs.submit_order("EXCHANGE MARKET", "tBTCUSD", "0.01", "0")
        await bfx.inputs.submit_order("EXCHANGE LIMIT", "tBTCUSD", "0.01", "50000")

    running = asyncio.create_task(bfx.start())
    try:
        async with asyncio.timeout(20):
            await done.wait()
            while len(public) < 6:  # noqa: ASYNC110 - filled by callbacks
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
    return {"seen": seen, "public": public}


async def main(url: str, key: str, secret: str) -> None:
    rest = Client(rest_host=f"{url}/v2", api_key=key, api_secret=secret).rest
    seen = {"rest": await asyncio.to_thread(judge_rest, rest)}
    socket = f"{url.replace('http', 'ws', 1)}/ws/2"
    seen["socket"] = await judge_socket(Client(wss_host=socket, api_key=key, api_secret=secret))
    print(json.dumps(seen))


asyncio.run(main(*sys.argv[1:]))
