"""The probe against the simulator: every fact is confirmed, and what does not hold is refuted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from tests.bitfinex_kit import SimulatedBitfinex, secrets_of, simulated_bitfinex

from cadenza.adapters.venues.bitfinex.credential import BitfinexSigner
from cadenza.adapters.venues.bitfinex.market_data import feed_parts
from cadenza.adapters.venues.bitfinex.probe import PAIRS, BitfinexProbe
from cadenza.adapters.venues.bitfinex.probe_key import ProbeKey
from cadenza.adapters.venues.bitfinex.probe_market import BookProbe
from cadenza.adapters.venues.bitfinex.rest import BitfinexRest
from cadenza.adapters.venues.bitfinex.sockets import PUBLIC_CONNECTS, STREAM_LIMITS
from cadenza.adapters.venues.bitfinex.spec import spec_of
from cadenza.adapters.venues.kit.connect_pace import ConnectPace
from cadenza.adapters.venues.kit.probe import ProbeFinding, ProbeVerdict
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.network.http import HttpClient
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls
from cadenza.runtime.local import SystemIds
from cadenza.simulators.bitfinex.wire.keys import make_bitfinex_key

pytestmark = pytest.mark.timeout(120)
READINGS, ALL = 8, 13


@asynccontextmanager
async def probe_of(
    venue: SimulatedBitfinex, environment: Environment = Environment.LIVE, secrets: Secrets | None = None
) -> AsyncIterator[BitfinexProbe]:
    spec, clock, proxies = spec_of(environment, base=venue.url), venue.clock, ProxyChoice()
    tls = await asyncio.to_thread(client_tls)
    http = HttpClient(clock=clock, randomness=Random(1), tls=tls, proxies=proxies)
    rest = BitfinexRest(urls=spec.urls, http=http, clock=clock)
    connects = ConnectPace(clock, PUBLIC_CONNECTS)
    parts = feed_parts(
        spec=spec, venue_clock=rest.clock, clock=clock, randomness=Random(1), tls=tls, proxies=proxies,
        connects=connects, limits=STREAM_LIMITS,
    )  # fmt: skip
    key = ProbeKey(BitfinexSigner(CredentialType.HMAC, secrets or venue.secrets()), clock)
    moving = asyncio.create_task(_move(venue, PAIRS[environment]))
    try:
        await rest.clock.measure()
        yield BitfinexProbe(venue_id=spec.venue_id, rest=rest, key=key, books=BookProbe(parts), clock=clock)
    finally:
        moving.cancel()
        connects.close()
        await http.close()
        rest.close()


async def _move(venue: SimulatedBitfinex, symbol: str) -> None:
    """A level far from the best ones comes and goes, so that the book has checksums."""
    while True:
        for quantity in (1, 0):
            await venue.market(symbol, (Side.BUY, Decimal(50_000), Decimal(quantity)))
            await asyncio.sleep(0.02)


async def found(probe: BitfinexProbe, *, with_orders: bool = True) -> Mapping[str, ProbeFinding]:
    return {finding.fact: finding async for finding in probe.findings(with_orders=with_orders)}


def others(findings: Mapping[str, ProbeFinding]) -> Mapping[str, str]:
    return {fact: each.shown for fact, each in findings.items() if each.verdict is not ProbeVerdict.CONFIRMED}


@pytest.mark.parametrize("environment", list(PAIRS))
async def test_every_fact_is_confirmed_and_nothing_is_left(tmp_path: Path, environment: Environment) -> None:
    simulated = simulated_bitfinex(tmp_path, environment=environment)
    async with simulated as venue, probe_of(venue, environment) as probe:
        findings = await found(probe)
        assert others(findings) == {}
        assert len(findings) == ALL
        truth = await venue.get("truth")
        assert {each["ending"] for each in truth["orders"]} == {"CANCELED", "POSTONLY CANCELED"}
        assert truth["trades"] == []


async def test_without_orders_none_is_placed(tmp_path: Path) -> None:
    async with simulated_bitfinex(tmp_path) as venue, probe_of(venue) as probe:
        findings = await found(probe, with_orders=False)
        assert (others(findings), len(findings)) == ({}, READINGS)
        assert (await venue.get("truth"))["orders"] == []


async def test_a_key_that_is_not_accepted_is_refuted(tmp_path: Path) -> None:
    async with simulated_bitfinex(tmp_path) as venue:
        async with probe_of(venue, secrets=replace(venue.secrets(), api_secret="wrong")) as probe:
            findings = await found(probe)
        refuted = [fact for fact, each in findings.items() if each.verdict is ProbeVerdict.REFUTED]
        assert refuted[0].startswith("the key is accepted")
        assert (await venue.get("truth"))["orders"] == []


async def test_a_key_that_may_withdraw_is_refuted(tmp_path: Path) -> None:
    async with simulated_bitfinex(tmp_path) as venue:
        key = make_bitfinex_key("main", SystemIds(), writes=("orders", "withdraw"))
        venue.simulator.venue.keys.add(key)
        async with probe_of(venue, secrets=secrets_of(key)) as probe:
            findings = await found(probe, with_orders=False)
        assert list(others(findings)) == ["the key may not withdraw"]


async def test_a_book_with_a_wrong_checksum_is_refuted(tmp_path: Path) -> None:
    async with simulated_bitfinex(tmp_path) as venue, probe_of(venue) as probe:
        corrupting = asyncio.create_task(_corrupt(venue))
        findings = await found(probe, with_orders=False)
        corrupting.cancel()
        (shown,) = others(findings).values()
        assert "the book is MISMATCH" in shown


async def _corrupt(venue: SimulatedBitfinex) -> None:
    while True:
        await venue.post("sockets", {"action": "corrupt_checksum", "symbol": "tBTCUSD"})
        await asyncio.sleep(0.02)
