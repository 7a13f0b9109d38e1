"""Signatures, timestamps, environments, permissions and addresses."""

import base64
import hashlib
import hmac

import pytest

from cadenza.simulators.okx.server import OkxSimulator
from cadenza.simulators.okx.wire.keys import OkxKey

from .trader import OkxTrader, iso, logged_in, opened


def test_the_signature_is_hmac_sha256_in_base64_over_the_parts_of_the_request() -> None:
    key = OkxKey(account="main", key="k", secret="22582BD0CFF14C41EDBF1AB98506286D", passphrase="p")
    timestamp, path = "2020-12-08T09:08:57.715Z", "/api/v5/account/balance?ccy=BTC"
    digest = hmac.new(key.secret.encode(), f"{timestamp}GET{path}".encode(), hashlib.sha256).digest()
    assert key.sign(timestamp, "GET", path) == base64.b64encode(digest).decode()
    assert not key.verifies(key.sign(timestamp, "POST", path), timestamp, "GET", path)
    assert not key.verifies(key.sign(timestamp, "GET", path, "{}"), timestamp, "GET", path)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"OK-ACCESS-KEY": ""}, "50103"),
        ({"OK-ACCESS-PASSPHRASE": ""}, "50104"),
        ({"OK-ACCESS-PASSPHRASE": "wrong"}, "50105"),
        ({"OK-ACCESS-SIGN": ""}, "50106"),
        ({"OK-ACCESS-TIMESTAMP": ""}, "50107"),
        ({"OK-ACCESS-KEY": "unknown"}, "50111"),
        ({"OK-ACCESS-TIMESTAMP": "1700000000"}, "50112"),
        ({"OK-ACCESS-SIGN": "d3Jvbmc="}, "50113"),
        ({"x-simulated-trading": "1"}, "50101"),
    ],
)
async def test_what_authentication_refuses(trader: OkxTrader, changes: dict[str, str], code: str) -> None:
    reply = await trader.get("account/balance", headers=changes)
    assert (reply.status, reply.body["code"], reply.body["data"]) == (401, code, [])


@pytest.mark.parametrize(("skew_ms", "code"), [(-31_000, "50102"), (31_000, "50102"), (-25_000, "0"), (25_000, "0")])
async def test_a_timestamp_is_at_most_thirty_seconds_away(simulator: OkxSimulator, skew_ms: int, code: str) -> None:
    async with OkxTrader(simulator, now_ms=lambda: simulator.venue.now_ms() + skew_ms) as trader:
        assert (await trader.get("account/config")).body["code"] == code


async def test_the_clock_of_the_venue_can_be_wrong(trader: OkxTrader) -> None:
    before = int((await trader.public("public/time")).row["ts"])
    await trader.admin("faults", clock_offset_ms=3_600_000)
    assert int((await trader.public("public/time")).row["ts"]) - before >= 3_600_000
    assert (await trader.get("account/config")).body["code"] == "0", "the trader signs with the venue's time"


async def test_a_demo_key_trades_for_an_account_of_its_own(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with OkxTrader(simulator, simulator.venue.keys.of(is_demo=True)) as demo:
        assert (await demo.place()).row["sCode"] == "0"
        assert (await demo.get("account/config", headers={"x-simulated-trading": "0"})).body["code"] == "50101"
        uids = {(await each.get("account/config")).row["uid"] for each in (demo, trader)}
        assert len(uids) == 2
    assert (await trader.get("trade/orders-pending")).data == []


async def test_permissions_and_addresses_of_keys(simulator: OkxSimulator, trader: OkxTrader) -> None:
    made = await trader.admin("keys", can_trade=False, can_withdraw=True, addresses=["127.0.0.1"])
    async with OkxTrader(simulator, simulator.venue.keys.find(made["key"])) as reader:
        config = (await reader.get("account/config")).row
        assert (config["perm"], config["ip"]) == ("read_only,withdraw", "127.0.0.1")
        assert (await reader.place()).body["code"] == "50120"
        assert (await reader.post("account/set-leverage", {})).body["code"] == "50120"
    foreign = await trader.admin("keys", addresses=["10.1.2.3"])
    async with OkxTrader(simulator, simulator.venue.keys.find(foreign["key"])) as stranger:
        assert (await stranger.get("account/config")).body["code"] == "50110"
    await trader.admin("keys", revoke=made["key"])
    async with OkxTrader(simulator, OkxKey(**{**made, "addresses": tuple(made["addresses"])})) as revoked:
        assert (await revoked.get("account/config")).body["code"] == "50111"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"timestamp": "yesterday"}, "60004"),
        ({"apiKey": "unknown"}, "60005"),
        ({"timestamp": "1700000000"}, "60006"),
        ({"sign": "d3Jvbmc="}, "60007"),
        ({"passphrase": "wrong"}, "60024"),
    ],
)
async def test_a_log_in_that_fails_ends_the_socket(simulator: OkxSimulator, changes: dict[str, str], code: str) -> None:
    async with opened(f"{simulator.stream_url}/private") as socket:
        key = simulator.venue.keys.of(is_demo=False)
        answer = await socket.log_in(key, simulator.venue.now_ms(), **changes)
        assert (answer["event"], answer["code"]) == ("error", code)
        assert await socket.frame() is None
        assert socket.socket.close_code == 4001


async def test_what_a_socket_refuses_before_its_log_in(simulator: OkxSimulator) -> None:
    async with opened(f"{simulator.stream_url}/private") as socket:
        assert (await socket.subscribe(channel="account"))["code"] == "60011"
        assert (await socket.ask("order", {"instIdCode": 10458}))["code"] == "60011"
    demo = simulator.venue.keys.of(is_demo=True)
    async with opened(f"{simulator.stream_url}/private?brokerId=9999") as socket:
        live = await socket.log_in(simulator.venue.keys.of(is_demo=False), simulator.venue.now_ms())
        assert live["code"] == "60032"
    async with opened(f"{simulator.stream_url}/private?brokerId=9999") as socket:
        assert (await socket.log_in(demo, simulator.venue.now_ms()))["code"] == "0"
        assert (await socket.log_in(demo, simulator.venue.now_ms()))["code"] == "60031"


async def test_a_revoked_key_loses_its_sockets(simulator: OkxSimulator, trader: OkxTrader) -> None:
    async with logged_in(simulator) as socket:
        await trader.admin("keys", revoke=trader.key.key)
        assert await socket.frame() is None
        assert socket.socket.close_code == 4007


async def test_the_passphrase_is_checked_before_the_signature(trader: OkxTrader) -> None:
    headers = {"OK-ACCESS-PASSPHRASE": "wrong", "OK-ACCESS-TIMESTAMP": iso(trader.simulator.venue.now_ms())}
    assert (await trader.get("account/config", headers=headers)).body["code"] == "50105"
