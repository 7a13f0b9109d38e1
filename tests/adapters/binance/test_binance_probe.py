"""The probe against the simulator: every fact of every market is confirmed, and what does not hold is refuted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from tests.binance_kit import ASK, AVAILABLE, BID, SimulatedBinance, simulated_binance

from cadenza.adapters.venues.binance.credential import BinanceSigner
from cadenza.adapters.venues.binance.endpoints import BinanceMarket
from cadenza.adapters.venues.binance.probe import BinanceProbe
from cadenza.adapters.venues.binance.rest import BinanceRest
from cadenza.adapters.venues.binance.spec import spec_of
from cadenza.adapters.venues.kit.probe import ProbeFinding, ProbeVerdict
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.ids import Environment
from cadenza.domain.market.enums import Side
from cadenza.network.http import HttpClient
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls


@asynccontextmanager
async def probe_of(
    venue: SimulatedBinance, environment: Environment = Environment.LIVE, secrets: Secrets | None = None
) -> AsyncIterator[BinanceProbe]:
    spec, tls = spec_of(environment, base=venue.url), await asyncio.to_thread(client_tls)
    http = HttpClient(clock=venue.clock, randomness=Random(1), tls=tls, proxies=ProxyChoice())
    rest = BinanceRest(urls=spec.urls, http=http, clock=venue.clock)
    try:
        for market in (BinanceMarket.SPOT, BinanceMarket.USDM):
            await rest.clock_of(market).measure()
        yield BinanceProbe(
            spec=spec,
            rest=rest,
            signer=BinanceSigner(CredentialType.HMAC, secrets or venue.secrets()),
            clock=venue.clock,
            randomness=Random(1),
            tls=tls,
            proxies=ProxyChoice(),
        )
    finally:
        await http.close()
        rest.close()


async def found(probe: BinanceProbe, *, with_orders: bool = True) -> Mapping[str, ProbeFinding]:
    return {finding.fact: finding async for finding in probe.findings(with_orders=with_orders)}


@pytest.mark.parametrize("is_hedged", [False, True])
async def test_every_fact_of_every_market_is_confirmed_and_nothing_is_left(tmp_path: Path, is_hedged: bool) -> None:
    async with simulated_binance(tmp_path) as venue, probe_of(venue) as probe:
        if is_hedged:
            venue.simulator.venue.usdm.ledger.set_hedged("main", is_hedged=True)
        findings = await found(probe)
        assert {fact: each.shown for fact, each in findings.items() if each.verdict is not ProbeVerdict.CONFIRMED} == {}
        assert len(findings) == 41
        truth = await venue.get("truth")
        assert not [each for each in truth["usdm"]["positions"] if Decimal(each["amount"])]
        for market in ("spot", "margin", "usdm"):
            assert not [each for each in truth[market]["orders"] if each["status"] == "NEW"]


async def test_without_orders_nothing_is_placed(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue, probe_of(venue) as probe:
        assert len(await found(probe, with_orders=False)) == 20
        assert (await venue.get("truth"))["spot"]["orders"] == []


async def test_the_test_environment_has_no_margin_and_states_no_rights(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue, probe_of(venue, Environment.UAT) as probe:
        findings = await found(probe, with_orders=False)
        assert not [fact for fact in findings if fact.startswith("margin")]
        unseen = [fact for fact, each in findings.items() if each.verdict is not ProbeVerdict.CONFIRMED]
        assert unseen == ["the key may not withdraw"]


async def test_a_market_that_the_key_does_not_reach_is_left_after_its_first_fact(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue, probe_of(venue, secrets=Secrets("0" * 64, "0", None)) as probe:
        findings = await found(probe)
        assert [fact for fact in findings if fact.startswith(("margin", "USD-M"))] == [
            "margin: the key reaches the account",
            "USD-M: the key reaches the account, which states its position mode",
        ]


async def test_a_key_that_may_withdraw_is_refuted(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue:
        made = await venue.post("keys", {"kind": "HMAC", "permissions": {"can_withdraw": True}})
        async with probe_of(venue, secrets=Secrets(made["key"], made["secret"], None)) as probe:
            finding = (await found(probe, with_orders=False))["the key may not withdraw"]
            assert (finding.verdict, finding.shown[:6]) == (ProbeVerdict.REFUTED, "it may")


async def test_a_position_that_is_not_closed_is_said(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue, probe_of(venue) as probe:
        shown = (Side.BUY, BID, Decimal("0.001")), (Side.SELL, ASK, AVAILABLE)
        await venue.market("BTCUSDT", *shown, clear=True, market="usdm")
        finding = (await found(probe))["USD-M: executions are listed with their commission"]
        assert finding.verdict is ProbeVerdict.REFUTED
        assert "BTCUSDT was opened and not closed, close it by hand" in finding.shown


async def test_a_fact_whose_order_cannot_be_paid_for_is_not_seen(tmp_path: Path) -> None:
    async with simulated_binance(tmp_path) as venue, probe_of(venue) as probe:
        for market, wallets in (("spot", "1000000"), ("margin", "100000"), ("usdm", "100000")):
            await venue.post("deposits", {"market": market, "asset": "USDT", "amount": f"-{wallets}"})
        await venue.post("deposits", {"market": "usdm", "asset": "USDC", "amount": "-100000"})
        findings = await found(probe)
        unpaid = [each for each in findings.values() if each.verdict is ProbeVerdict.UNSEEN]
        assert not [each for each in findings.values() if each.verdict is ProbeVerdict.REFUTED]
        assert len(unpaid) > 10
        assert {each.shown.partition(" Put ")[2] for each in unpaid} >= {
            "8 USDT into the spot wallet.",
            "190 USDT into the USD-M wallet.",
        }
