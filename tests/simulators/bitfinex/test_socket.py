"""The socket: log-in and snapshots, the life of an order, filters, numbers of frames, heartbeats, information."""

from typing import Any

import pytest

from cadenza.simulators.bitfinex.server import BitfinexSimulator

from .trader import BitfinexTrader, D, is_account, logged_in, opened, order

TIMESTAMP, SEQUENCE = 32768, 65536


def kinds(frames: list[Any]) -> list[str]:
    return [frame[1] for frame in frames if isinstance(frame, list) and frame[0] == 0]


async def test_a_log_in_is_answered_with_snapshots(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    row = (await trader.submit()).order
    async with opened(simulator) as socket:
        answer = await socket.log_in(trader.key)
        user = simulator.venue.queries.user_id("main")
        assert (answer["status"], answer["chanId"], answer["userId"]) == ("OK", 0, user)
        frames = await socket.frames_until(lambda frame: is_account(frame, "bu"))
        assert kinds(frames) == ["ps", "ws", "os", "fos", "fcs", "fls", "bu"]
        snapshots = {frame[1]: frame[2] for frame in frames}
        assert snapshots["os"] == [row]
        assert ["exchange", "BTC", 10, 0, None] in [wallet[:5] for wallet in snapshots["ws"]]


async def test_an_order_that_rests_is_announced_after_its_notification(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as socket:
        await socket.put("on", order(cid=5))
        frames = await socket.frames_until(lambda frame: is_account(frame, "on"))
        notice = frames[-2]
        assert notice[1] == "n"
        assert (notice[2][1], notice[2][6]) == ("on-req", "SUCCESS")
        assert notice[2][4] == frames[-1][2]  # a flat order, as it was accepted
        wallet = await socket.account("wu")
        assert wallet[:5] == ["exchange", "USD", 1_000_000, 0, 999_500]


async def test_an_order_that_executes_tells_everything_in_order(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as socket:
        await socket.until(lambda frame: is_account(frame, "bu"))
        await socket.put("on", order(type="EXCHANGE MARKET", price=None, amount="0.1", cid=5))
        frames = await socket.frames_until(lambda frame: is_account(frame, "bu"))
        assert kinds(frames) == ["n", "on", "te", "tu", "oc", "wu", "wu", "bu"]
        rows = {frame[1]: frame[2] for frame in frames}
        assert rows["n"][4][13] == rows["on"][13] == "ACTIVE"
        assert rows["te"][:9] == rows["tu"][:9]
        assert rows["te"][9:11] == [None, None]
        assert rows["tu"][9:12] == [D("-0.0002"), "BTC", 5]
        assert rows["oc"][13] == "EXECUTED @ 60006.0(0.1)"
        wallets = {frame[2][1]: frame[2] for frame in frames if frame[1] == "wu"}
        assert wallets["BTC"][2] == D("10.0998")
        assert wallets["BTC"][6]["order_id"] == rows["oc"][0]


async def test_orders_of_rest_are_heard_without_a_notification(
    simulator: BitfinexSimulator, trader: BitfinexTrader
) -> None:
    async with logged_in(simulator) as socket:
        await socket.until(lambda frame: is_account(frame, "bu"))
        row = (await trader.submit(amount="0.3")).order
        await trader.trade_at("50000", "0.1")
        await trader.cancel(id=row[0])
        frames = await socket.frames_until(lambda frame: is_account(frame, "oc"))
        assert [kind for kind in kinds(frames) if kind not in ("wu", "bu")] == ["on", "te", "tu", "ou", "oc"]
        assert frames[-1][2][13] == "CANCELED was: PARTIALLY FILLED @ 50000.0(0.1)"


async def test_a_refused_input_is_notified(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as socket:
        notice = await socket.submit(amount="0.00001", cid=7)
        assert notice[4][2] == 7
        assert (notice[1], *notice[6:]) == ("on-req", "ERROR", "Invalid order: minimum size for BTC/USD is 0.00004")
        await socket.put("oc", {"id": 1})
        notice = await socket.account("n")
        assert (notice[1], *notice[6:]) == ("oc-req", "ERROR", "Order not found.")


async def test_inputs_change_and_cancel(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as socket:
        id = (await socket.submit())[4][0]
        await socket.put("ou", {"id": id, "price": "49000"})
        assert (await socket.account("n"))[1] == "ou-req"
        assert (await socket.account("ou"))[16] == 49000
        await socket.put("oc", {"id": id})
        assert (await socket.account("n"))[7] == f"Submitted for cancellation; waiting for confirmation (ID: {id})."
        assert (await socket.account("oc"))[13] == "CANCELED"
        await socket.put("ox_multi", [["on", order(cid=1)], ["on", order(cid=2)], ["oc_multi", {"all": 1}]])
        assert [(await socket.account("n"))[1] for _ in range(3)] == ["on-req", "on-req", "oc_multi-req"]
        assert [(await socket.account("oc"))[2] for _ in range(2)] == [1, 2]
        await socket.put("oc_multi", {"all": 1})
        assert (await socket.account("n"))[4] == []


async def test_only_the_socket_that_asked_is_notified(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as one, logged_in(simulator) as other:
        await other.until(lambda frame: is_account(frame, "bu"))
        await one.put("on", order())
        frames = await other.frames_until(lambda frame: is_account(frame, "bu"))
        assert kinds(frames) == ["on", "wu", "bu"]


async def test_wallets_are_calculated_when_asked(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as socket:
        await socket.put("calc", [["wallet_exchange_USD"], ["margin_base"], ["margin_sym_tBTCUSD"], ["balance"]])
        assert (await socket.account("wu"))[4] == 1_000_000
        assert (await socket.account("miu"))[0] == "base"
        assert (await socket.account("miu"))[:2] == ["sym", "tBTCUSD"]


@pytest.mark.parametrize(
    ("filters", "heard"),
    [
        (["trading"], {"on", "te", "tu", "oc"}),
        (["trading-tETHUSD"], set()),
        (["trading-tBTCUSD", "notify"], {"n", "on", "te", "tu", "oc"}),
        (["wallet-exchange-BTC"], {"wu"}),
        (["wallet"], {"wu"}),
        (["balance"], {"bu"}),
    ],
)
async def test_a_client_hears_what_it_wants(simulator: BitfinexSimulator, filters: list[str], heard: set[str]) -> None:
    async with logged_in(simulator, filter=filters) as socket, logged_in(simulator) as witness:
        await socket.put("on", order(type="EXCHANGE MARKET", price=None))
        await witness.account("oc")
        await socket.send({"event": "ping", "cid": 1})
        frames = await socket.frames_until(lambda frame: isinstance(frame, dict) and frame["event"] == "pong")
        assert set(kinds(frames)) - {"ps", "ws", "os"} - ({"bu"} - heard) == heard


async def test_frames_are_numbered(simulator: BitfinexSimulator) -> None:
    async with opened(simulator) as socket:
        await socket.send({"event": "conf", "flags": SEQUENCE + TIMESTAMP})
        assert await socket.event("conf") == {"event": "conf", "status": "OK", "flags": SEQUENCE + TIMESTAMP}
        channel = await socket.subscribe("ticker", symbol="tBTCUSD")
        frame = await socket.channel(channel)
        assert frame[2] == 1
        assert abs(frame[3] - simulator.venue.now_ms()) < 60_000
        await socket.log_in(simulator.venue.keys.of("main"))
        frames = await socket.frames_until(lambda frame: is_account(frame, "bu"))
        assert [frame[3:5] for frame in frames] == [[number, number - 1] for number in range(2, 9)]
        await socket.put("on", order())
        frames = await socket.frames_until(lambda frame: is_account(frame, "bu"))
        numbers = [frame[3:5] for frame in frames if frame[0] == 0]
        assert [frame[1] for frame in frames if frame[0] == 0] == ["n", "on", "wu", "bu"]
        assert [number[1] for number in numbers] == [7, 8, 9, 10]  # a notification has the number before it
        assert [frame[2 if frame[0] else 3] for frame in frames] == list(range(9, 9 + len(frames)))


async def test_a_lost_frame_leaves_a_gap(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    async with logged_in(simulator) as socket:
        await socket.until(lambda frame: is_account(frame, "bu"))
        await socket.send({"event": "conf", "flags": SEQUENCE})
        await trader.admin("faults", events=[{"on": "user", "event": "tu", "kind": "drop"}])
        await trader.submit(type="EXCHANGE MARKET", price=None)
        frames = await socket.frames_until(lambda frame: is_account(frame, "oc"))
        assert kinds(frames)[-3:] == ["on", "te", "oc"]
        on, te, oc = (frame[3:] for frame in frames[-3:])
        assert te == [on[0] + 1, on[1] + 1]
        assert oc == [te[0] + 2, te[1] + 2]


@pytest.mark.parametrize("settings", [{"heartbeat_ms": 100}], indirect=True)
async def test_silent_channels_beat(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as socket:
        channel = await socket.subscribe("trades", symbol="tBTCUSD")
        beats = set()
        while beats != {0, channel}:
            beats.add((await socket.until(lambda frame: isinstance(frame, list) and frame[1] == "hb"))[0])


async def test_pings_wrong_events_and_wrong_flags(simulator: BitfinexSimulator) -> None:
    async with opened(simulator) as socket:
        await socket.send({"event": "ping", "cid": 1234})
        assert (await socket.event("pong"))["cid"] == 1234
        for wrong in ("no json", {"event": "nothing"}, 5, [0]):
            await socket.send(wrong)
            assert (await socket.event("error"))["code"] == 10000
        await socket.send({"event": "conf", "flags": 1})
        assert (await socket.event("conf"))["status"] == "FAILED"


async def test_maintenance_and_stops_are_announced(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    async with logged_in(simulator) as socket:
        await trader.admin("sockets", action="begin_maintenance")
        assert (await socket.event("info"))["code"] == 20060
        assert (await trader.public("platform/status")).data == [0]
        assert (await trader.submit()).refusal == (11000, "ready: invalid")
        assert (await socket.submit())[6] == "ERROR"
        await trader.admin("sockets", action="end_maintenance")
        assert (await socket.event("info"))["code"] == 20061
        assert (await trader.submit()).status == 200
        await trader.admin("sockets", action="stop")
        assert (await socket.event("info"))["code"] == 20051
        assert await socket.frame() is None
        assert socket.socket.close_code == 1012


async def test_the_dead_mans_switch_cancels_when_the_socket_closes(
    simulator: BitfinexSimulator, trader: BitfinexTrader
) -> None:
    async with logged_in(simulator) as witness:
        async with logged_in(simulator) as idle:
            await idle.submit()
        async with logged_in(simulator, dms=4) as armed:
            await armed.submit()
        assert [(await witness.account("oc"))[13] for _ in range(2)] == ["CANCELED", "CANCELED"]
    assert await trader.open_orders() == []


async def test_whoever_logs_out_hears_nothing_more(simulator: BitfinexSimulator, trader: BitfinexTrader) -> None:
    async with logged_in(simulator) as socket:
        await socket.send({"event": "unauth"})
        assert (await socket.event("unauth"))["status"] == "OK"
        await trader.submit()
        await socket.send({"event": "ping"})
        assert kinds(await socket.frames_until(lambda frame: isinstance(frame, dict))) == []


async def test_one_notification_in_ten_has_its_time_in_seconds(simulator: BitfinexSimulator) -> None:
    async with logged_in(simulator) as socket:
        times = [(await socket.submit())[0] for _ in range(10)]
        assert sum(isinstance(at, D) for at in times) >= 1
        assert sum(isinstance(at, int) for at in times) >= 8
