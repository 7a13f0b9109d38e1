"""Orders as a user trades them: every type, time in force, quantity type and rounding that PAPER lists, exactly."""

import asyncio
from decimal import Decimal as D

import pytest

from tests.e2e.trader import BTC_USDT, Trader, ok, refused, total_of
from tests.serving import Serving, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")
PERPETUAL = "PAPER:BTC/USDT-PERP"
FAR_BELOW, FAR_ABOVE = "20000", "200000"


class TestPortfolios:
    async def test_every_asset_counts_in_the_equity_whatever_the_currency(self, trader: Trader) -> None:
        held = {asset: free + locked for asset, (free, locked) in (await trader.balances(trader.spot)).items()}
        assert set(held) == {"USDT", "USD", "EUR", "BTC", "ETH"}
        marks = {"USDT": D(1)}
        for asset in ("BTC", "ETH"):
            marks[asset] = sum(await trader.prices(f"PAPER:{asset}/USDT")) / 2
        marks["USD"] = marks["BTC"] / (sum(await trader.prices("PAPER:BTC/USD")) / 2)
        marks["EUR"] = marks["USD"] * sum(await trader.prices("PAPER:EUR/USD")) / 2
        worth = sum((amount * marks[asset] for asset, amount in held.items()), D(0))
        equity = D((await trader.portfolio(trader.spot))["summary"]["equity"])
        assert abs(equity / worth - 1) < D("0.01")
        for currency in ("USD", "EUR", "BTC", "ETH"):
            asked = {"tradingAccountId": trader.spot, "currency": currency}
            found = (await ok(trader.api.get("/api/v3/tradingAccount/portfolio/list", **asked))).data[0]["summary"]
            assert found["currency"] == currency
            assert abs(D(found["equity"]) * marks[currency] / worth - 1) < D("0.01")

    async def test_a_currency_that_nobody_lists_is_refused(self, trader: Trader) -> None:
        answer = await trader.api.get("/api/v3/tradingAccount/portfolio/list", currency="USX")
        refused(answer, 400, "UNKNOWN_CURRENCY")


class TestTypes:
    async def test_a_spot_account_takes_no_order_of_a_perpetual(self, trader: Trader) -> None:
        answer = await trader.try_submit(instrumentId=PERPETUAL, quantity="0.1")
        refused(answer, 400, "INSTRUMENT_NOT_TRADABLE")
        assert "SPOT account" in answer.body["error"]

    async def test_market_orders_fill_at_the_book_and_say_ioc(self, trader: Trader) -> None:
        _, ask = await trader.prices()
        order = await trader.submit(quantity="1.5", awaitClosed=True)
        assert (order["status"], order["timeInForce"]) == ("FILLED", "IOC")
        assert total_of(order["executions"], "executedQuantity") == D("1.5")
        assert total_of(order["executions"], "executedCost") == D(order["executedCost"])
        assert abs(D(order["executions"][0]["executedPrice"]) / ask - 1) < D("0.01")
        for execution in order["executions"]:
            cost = D(execution["executedPrice"]) * D(execution["executedQuantity"])
            assert cost == D(execution["executedCost"])
            assert D(execution["fees"][0]["quantity"]) == cost * D("0.0005")

    async def test_a_limit_order_rests_and_locks_its_cost_with_the_fee(self, trader: Trader) -> None:
        order = await trader.submit(orderType="LIMIT", limitPrice=FAR_BELOW, quantity="0.5")
        assert (order["status"], order["timeInForce"], order["executedQuantity"]) == ("ACCEPTED", "GTC", "0")
        assert (await trader.balances(trader.spot))["USDT"][1] == D(10_000) * D("1.0005")
        await trader.cancel(order)
        assert (await trader.balances(trader.spot))["USDT"] == (D(1_000_000), D(0))

    @pytest.mark.parametrize(
        ("kind", "side", "stop"),
        [
            ("STOP", "BUY", FAR_ABOVE),
            ("STOP", "SELL", FAR_BELOW),
            ("STOP_LOSS", "SELL", FAR_BELOW),
            ("TAKE_PROFIT", "SELL", FAR_ABOVE),
            ("TAKE_PROFIT", "BUY", FAR_BELOW),
        ],
    )
    async def test_triggers_wait_on_their_side(self, trader: Trader, kind: str, side: str, stop: str) -> None:
        asked = {"orderType": kind, "orderSide": side, "stopPrice": stop, "quantity": "0.1"}
        order = await trader.submit(**asked)
        assert (order["status"], order["stopPrice"]) == ("ACCEPTED", stop)
        assert (await trader.cancel(order))["status"] == "CANCELLED"
        wrong = FAR_BELOW if stop == FAR_ABOVE else FAR_ABOVE
        answer = await trader.try_submit(**(asked | {"stopPrice": wrong}))
        reply = answer.code if answer.status == 400 else answer.data[0].get("rejectReason", answer.data[0]["status"])
        assert reply in ("STOP_WOULD_TRIGGER", "REJECTED")

    async def test_a_stop_limit_has_both_prices(self, trader: Trader) -> None:
        prices = {"stopPrice": FAR_ABOVE, "limitPrice": "200100"}
        order = await trader.submit(orderType="STOP_LIMIT", quantity="0.1", **prices)
        assert (order["stopPrice"], order["limitPrice"]) == (FAR_ABOVE, "200100")
        refused(
            await trader.try_submit(orderType="STOP_LIMIT", quantity="0.1", stopPrice=FAR_ABOVE), 400, "INVALID_PRICE"
        )

    async def test_a_trailing_stop_shows_its_trigger(self, trader: Trader) -> None:
        order = await trader.submit(orderType="TRAILING_STOP", orderSide="SELL", stopPrice=FAR_BELOW, quantity="0.1")
        assert order["status"] == "ACCEPTED"
        assert D(order["stopPrice"]) >= D(FAR_BELOW)

    async def test_a_quoted_order_needs_a_quote_that_exists(self, trader: Trader) -> None:
        answer = await trader.try_submit(orderType="QUOTED", quoteId=trader.spot)
        assert answer.status == 400


class TestTimesInForce:
    async def test_the_remainder_of_ioc_is_cancelled_with_its_executions(self, trader: Trader) -> None:
        executed = D(0)
        while not executed:  # the market may have moved away meanwhile
            _, ask = await trader.prices()
            order = await trader.submit(
                orderType="LIMIT", limitPrice=str(ask + 1), quantity="15", timeInForce="IOC", awaitClosed=True
            )
            assert (order["status"], order["cancelReason"]) == ("CANCELLED", "IOC_REMAINDER")
            executed = D(order["executedQuantity"])
        assert executed < 15

    async def test_fok_is_all_or_nothing(self, trader: Trader) -> None:
        _, ask = await trader.prices()
        asked = {"orderType": "LIMIT", "timeInForce": "FOK", "awaitClosed": True}
        none = await trader.submit(limitPrice=str(ask), quantity="15", **asked)
        assert (none["status"], none["executedQuantity"]) == ("CANCELLED", "0")
        whole = await trader.submit(limitPrice=str(ask + 100), quantity="0.001", **asked)
        assert whole["status"] == "FILLED"

    async def test_gtx_never_takes(self, trader: Trader) -> None:
        _, ask = await trader.prices()
        taking = await trader.submit(orderType="LIMIT", limitPrice=str(ask + 50), quantity="0.01", timeInForce="GTX")
        assert (taking["status"], taking["rejectReason"]) == ("REJECTED", "POST_ONLY_WOULD_TAKE")
        resting = await trader.submit(orderType="LIMIT", limitPrice=FAR_BELOW, quantity="0.01", timeInForce="GTX")
        assert resting["status"] == "ACCEPTED"

    async def test_gtd_expires_and_keeps_its_name(self, trader: Trader) -> None:
        now_ms = (await trader.book())["timestamp"]
        asked = {"orderType": "LIMIT", "limitPrice": FAR_BELOW, "quantity": "0.01", "timeInForce": "GTD"}
        refused(await trader.try_submit(**asked), 400, "INVALID_EXPIRY")
        refused(await trader.try_submit(**asked, expireAt=now_ms - 60_000), 400, "INVALID_EXPIRY")
        order = await trader.submit(**asked, expireAt=now_ms + 2_500)

        async def has_expired() -> bool:
            return bool((await trader.order(order["tradeOrderId"]))["status"] == "EXPIRED")

        await eventually(has_expired)
        assert (await trader.balances(trader.spot))["USDT"][1] == 0

    async def test_what_the_instrument_does_not_list_is_refused(self, trader: Trader) -> None:
        for time_in_force in ("OPG", "CLS", "GFA", "GFS", "GTM", "EXT"):
            answer = await trader.try_submit(
                orderType="LIMIT", limitPrice=FAR_BELOW, quantity="0.01", timeInForce=time_in_force
            )
            refused(answer, 400, "UNSUPPORTED_TIME_IN_FORCE")


class TestQuantities:
    async def test_spending_quote_units(self, trader: Trader) -> None:
        order = await trader.submit(quantity="1000", quantityType="QUOTE", awaitClosed=True)
        assert (order["status"], order["quantity"], order["orderQuantityType"]) == ("FILLED", "1000", "QUOTE")
        assert D(990) < D(order["executedCost"]) <= D(1010)

    async def test_a_share_of_what_is_free(self, trader: Trader) -> None:
        order = await trader.submit(
            orderSide="SELL", quantity="25", quantityType="POSITION_PERCENTAGE", awaitClosed=True
        )
        assert D(order["executedQuantity"]) == D("2.5")

    @pytest.mark.parametrize("percentage", ["100", "99", "98", "97"])
    async def test_a_share_of_what_is_free_may_wait_for_a_trigger(self, trader: Trader, percentage: str) -> None:
        asked = {"orderType": "STOP", "stopPrice": FAR_ABOVE, "quantityType": "POSITION_PERCENTAGE"}
        order = await trader.submit(**asked, quantity=percentage)
        assert order["status"] == "ACCEPTED"
        assert (await trader.balances(trader.spot))["USDT"][1] > D(1_000_000) * D(percentage) / 100 - 10

    async def test_closing_all_of_a_position(self, trader: Trader) -> None:
        account = {"tradingAccountId": trader.margin, "instrumentId": PERPETUAL}
        opened = await trader.submit(**account, quantity="0.3", leverage=5, awaitClosed=True)
        assert opened["status"] == "FILLED"
        position = (await trader.portfolio(trader.margin))["positions"][0]
        assert (position["quantity"], position["status"]) == ("0.3", "OPEN")
        closed = await trader.submit(
            **account, orderSide="SELL", quantity="1", quantityType="POSITION_RATIO", awaitClosed=True
        )
        assert D(closed["executedQuantity"]) == D("0.3")
        assert [p for p in (await trader.portfolio(trader.margin))["positions"] if p["status"] == "OPEN"] == []

    async def test_two_orders_do_not_close_the_same_position(self, trader: Trader) -> None:
        account = {"tradingAccountId": trader.margin, "instrumentId": PERPETUAL}
        await trader.submit(**account, quantity="0.3", leverage=5, awaitClosed=True)
        resting = {**account, "orderSide": "SELL", "orderType": "LIMIT", "limitPrice": FAR_ABOVE, "quantity": "0.3"}
        assert (await trader.submit(**resting))["status"] == "ACCEPTED"
        fee = (await trader.balances(trader.margin))["USDT"][1]
        assert (await trader.submit(**resting))["status"] == "ACCEPTED"
        locked = (await trader.balances(trader.margin))["USDT"][1]
        assert locked - fee == D("0.3") * D(FAR_ABOVE) / 5 + fee  # the second one opens a position
        refused(await trader.try_submit(**(resting | {"quantity": "100"})), 400, "INSUFFICIENT_MARGIN")

    async def test_lots_and_pips_are_kept(self, trader: Trader) -> None:
        refused(await trader.try_submit(quantity="0.0000123"), 400, "LOT_SIZE")
        up = await trader.submit(quantity="0.0123456", quantityRounding="UP", awaitClosed=True)
        assert D(up["executedQuantity"]) == D("0.01235")
        refused(await trader.try_submit(orderType="LIMIT", limitPrice="20000.001", quantity="1"), 400, "PIP_SIZE")
        refused(await trader.try_submit(quantity="100000"), 400, "MAX_QUANTITY")
        answer = await trader.try_submit(orderType="LIMIT", limitPrice=FAR_ABOVE, quantity="9000", orderSide="BUY")
        refused(answer, 400, "INSUFFICIENT_BALANCE")


class TestIdempotency:
    async def test_a_repeated_request_is_the_same_order(self, trader: Trader) -> None:
        first = await trader.submit(idempotencyKey="k1", awaitClosed=True)
        again = await trader.submit(idempotencyKey="k1", awaitClosed=True)
        assert again == first
        refused(await trader.try_submit(idempotencyKey="k1", quantity="0.02"), 400, "IDEMPOTENCY_KEY_REUSED")
        assert len(await trader.orders()) == 1

    async def test_a_client_order_id_is_unique_in_its_account(self, trader: Trader) -> None:
        first = await trader.submit(clientOrderId="c1", awaitClosed=True)
        assert (await trader.submit(clientOrderId="c1", awaitClosed=True))["tradeOrderId"] == first["tradeOrderId"]
        refused(await trader.try_submit(clientOrderId="c1", quantity="0.02"), 400, "DUPLICATE_CLIENT_ORDER_ID")

    async def test_a_hundred_at_once_make_one_order(self, trader: Trader) -> None:
        orders = await asyncio.gather(*(trader.submit(idempotencyKey="k1", awaitClosed=True) for _ in range(100)))
        assert len({order["tradeOrderId"] for order in orders}) == 1
        assert {order["status"] for order in orders} == {"FILLED"}
        assert len(await trader.orders()) == 1

    async def test_racing_submits_never_spend_more_than_there_is(self, trader: Trader) -> None:
        asked = {"orderType": "LIMIT", "limitPrice": "20000", "quantity": "4"}
        answers = await asyncio.gather(*(trader.try_submit(**asked) for _ in range(30)))
        accepted = [answer for answer in answers if answer.status == 200]
        assert len(accepted) == 12
        free, locked = (await trader.balances(trader.spot))["USDT"]
        assert (free >= 0, locked) == (True, 12 * D(80_040))

    async def test_a_repeat_gets_its_order_when_the_instrument_is_gone_by_then(self, trader: Trader) -> None:
        first = await trader.submit(idempotencyKey="k1", awaitClosed=True)
        instrument = {"instrumentId": BTC_USDT}
        await ok(trader.api.post("/api/v3/market/instrument/disable", instrument))
        assert await trader.submit(idempotencyKey="k1", awaitClosed=True) == first
        refused(await trader.try_submit(idempotencyKey="k2"), 400, "INSTRUMENT_NOT_TRADABLE")
        await ok(trader.api.delete("/api/v3/market/instrument/delete", instrument))
        assert await trader.submit(idempotencyKey="k1", awaitClosed=True) == first


class TestCancel:
    async def test_cancelling_twice_is_as_once(self, trader: Trader) -> None:
        order = await trader.submit(orderType="LIMIT", limitPrice=FAR_BELOW, quantity="0.1")
        canceled = await trader.cancel(order)
        assert (canceled["status"], canceled["cancelReason"]) == ("CANCELLED", "USER")
        assert (await trader.cancel(order)) == canceled

    async def test_a_filled_order_cannot_be_cancelled_and_is_shown(self, trader: Trader) -> None:
        order = await trader.submit(awaitClosed=True)
        details = refused(await trader.try_cancel(order), 400, "ORDER_ALREADY_CLOSED")
        assert details["metadata"]["order"]["tradeOrderId"] == order["tradeOrderId"]

    async def test_an_order_of_another_account_is_not_found(self, trader: Trader) -> None:
        order = await trader.submit(orderType="LIMIT", limitPrice=FAR_BELOW, quantity="0.1")
        answer = await trader.try_cancel(order | {"tradingAccountId": trader.margin})
        refused(answer, 404, "ORDER_NOT_FOUND")


class TestListing:
    async def test_pages_join_whatever_happens_between_them(self, trader: Trader) -> None:
        asked = {"orderType": "LIMIT", "limitPrice": FAR_BELOW, "quantity": "0.001"}
        made = [(await trader.submit(**asked))["tradeOrderId"] for _ in range(7)]
        listing = "/api/v3/tradeOrder/list"
        first = (await ok(trader.api.get(listing, limit=3))).body
        assert (first["pagination"]["total"], first["pagination"]["hasNext"]) == (7, True)
        await trader.submit(**asked)
        cursor, seen = first["pagination"]["cursor"], [order["tradeOrderId"] for order in first["data"]]
        while cursor:
            page = (await ok(trader.api.get(listing, limit=3, cursor=cursor))).body
            seen += [order["tradeOrderId"] for order in page["data"]]
            cursor = page["pagination"].get("cursor")
        assert seen == made[::-1]
        for bad in (first["pagination"]["cursor"][:-2] + "xx", "nonsense"):
            refused(await trader.api.get(listing, limit=3, cursor=bad), 400, "INVALID_CURSOR")
        reused = await trader.api.get(listing, cursor=first["pagination"]["cursor"], instrumentId=BTC_USDT)
        refused(reused, 400, "INVALID_CURSOR")

    async def test_filters(self, trader: Trader) -> None:
        filled = await trader.submit(awaitClosed=True)
        resting = await trader.submit(orderType="LIMIT", limitPrice=FAR_BELOW, quantity="0.001")
        ids = {"FILLED": filled["tradeOrderId"], "ACCEPTED": resting["tradeOrderId"]}
        for status, order_id in ids.items():
            assert [o["tradeOrderId"] for o in await trader.orders(orderStatus=status)] == [order_id]
        assert await trader.orders(startTime=resting["createdAt"] + 1) == []
        before = await trader.orders(endTime=resting["createdAt"])
        assert [o["tradeOrderId"] for o in before] in ([filled["tradeOrderId"]], [])
        ascending = await trader.orders(ascending=True)
        assert [o["tradeOrderId"] for o in ascending] == list(ids.values())


async def test_tenants_never_see_each_other(server: Serving, trader: Trader) -> None:
    order = await trader.submit(orderType="LIMIT", limitPrice=FAR_BELOW, quantity="0.1")
    async with Trader(server.url) as stranger:
        await stranger.enter()
        refused(await stranger.try_cancel(order), 404, "TRADING_ACCOUNT_NOT_FOUND")
        refused(await stranger.try_submit(tradingAccountId=trader.spot), 404, "TRADING_ACCOUNT_NOT_FOUND")
        assert await stranger.orders() == []
        listing = "/api/v3/tradeOrder/list"
        refused(await stranger.api.get(listing, tradeOrderId=order["tradeOrderId"]), 404, "ORDER_NOT_FOUND")
        for path in (listing, *(f"/api/v3/tradingAccount/{what}list" for what in ("", "operation/", "portfolio/"))):
            answer = await stranger.api.get(path, tradingAccountId=trader.spot)
            refused(answer, 404, "TRADING_ACCOUNT_NOT_FOUND")
        api, account = stranger.api, {"tradingAccountId": trader.spot}
        for action in ("disconnect", "disable", "enable"):
            refused(await api.post(f"/api/v3/tradingAccount/{action}", account), 404, "TRADING_ACCOUNT_NOT_FOUND")
        assert (await ok(api.get("/api/v3/tradingAccount/list"))).data == []
        assert (await ok(api.get("/api/v3/credential/list"))).data == []
        answer = await api.post("/api/v3/credential/revoke", {"credentialId": trader.credential})
        assert answer.status == 404
        answer = await api.get("/api/v3/tradingAccount/list", tenantId=trader.spot)
        details = refused(answer, 403, "INSUFFICIENT_SCOPE")
        assert details["required"] != details["provided"]
    assert (await trader.order(order["tradeOrderId"]))["status"] == "ACCEPTED"


class TestQuestions:
    async def test_an_auditor_reads_what_a_dry_run_said_and_who_did_it(self, trader: Trader, server: Serving) -> None:
        body = {
            "tradingAccountId": trader.spot, "instrumentId": BTC_USDT, "orderSide": "BUY", "orderType": "LIMIT",
            "limitPrice": FAR_BELOW, "quantity": "0.5", "idempotencyKey": "asked-1",
        }  # fmt: skip
        foreseen = (await ok(trader.api.post("/api/v3/tradeOrder/preview", body))).data
        assert (foreseen["outcome"], foreseen["lock"]) == (
            "SEND", {"asset": "USDT", "quantity": "10005", "fee": "5"}
        )  # fmt: skip
        assert (await trader.balances(trader.spot))["USDT"] == (D(1_000_000), D(0))
        answer = await ok(trader.api.post("/api/v3/tradeOrder/submit", body, **{"X-Request-Id": "audit-1"}))
        [order] = answer.data
        assert (await trader.balances(trader.spot))["USDT"][1] == D(10_005)
        repeated = (await ok(trader.api.post("/api/v3/tradeOrder/preview", body))).data
        assert (repeated["outcome"], repeated["tradeOrderId"]) == ("REPEAT", order["tradeOrderId"])
        filled = await trader.submit(quantity="0.25", awaitClosed=True)

        listed = {"tradingAccountId": trader.spot, "open": True}
        assert [o["tradeOrderId"] for o in (await ok(trader.api.get("/api/v3/tradeOrder/list", **listed))).data] == [
            order["tradeOrderId"]
        ]
        fills = (await ok(trader.api.get("/api/v3/execution/list", tradeOrderId=filled["tradeOrderId"]))).data
        assert total_of(fills, "executedQuantity") == D("0.25")
        await trader.cancel(order)
        asked = {"tradingAccountId": trader.spot, "tradeOrderId": order["tradeOrderId"], "ascending": True}
        events = (await ok(trader.api.get("/api/v3/tradingAccount/event/list", **asked))).data
        assert [(event["order"]["status"], event["by"]["kind"]) for event in events] == [
            ("SUBMITTED", "USER"), ("ACCEPTED", "VENUE"), ("PENDING_CANCEL", "USER"), ("CANCELLED", "VENUE")
        ]  # fmt: skip
        by = events[0]["by"]
        assert (by["requestId"], by["address"]) == ("audit-1", "127.0.0.1")
        async with Trader(server.url) as stranger:
            await stranger.enter()
            for path, names in (
                ("/api/v3/tradingAccount/event/list", {"tradingAccountId": trader.spot}),
                ("/api/v3/execution/list", {"tradingAccountId": trader.spot}),
                ("/api/v3/execution/list", {"tradeOrderId": order["tradeOrderId"]}),
            ):
                assert (await stranger.api.get(path, **names)).status == 404
            refused(await stranger.api.post("/api/v3/tradeOrder/preview", body), 404, "TRADING_ACCOUNT_NOT_FOUND")
