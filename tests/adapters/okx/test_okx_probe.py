"""The probe against the simulator: every fact is confirmed, and what does not hold is refuted."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.okx_kit import SimulatedOkx, simulated_okx

from cadenza.adapters.venues.kit.probe import ProbeFinding, ProbeVerdict
from cadenza.adapters.venues.okx.credential import OkxSigner
from cadenza.adapters.venues.okx.probe import OkxProbe
from cadenza.adapters.venues.okx.rest import OkxRest
from cadenza.adapters.venues.okx.spec import spec_of
from cadenza.domain.accounts.credential import CredentialType, Secrets
from cadenza.domain.ids import Environment
from cadenza.network.http import HttpClient
from cadenza.network.proxies import ProxyChoice
from cadenza.network.tls import client_tls

READINGS, ALL = 8, 17


@asynccontextmanager
async def probe_of(
    venue: SimulatedOkx, environment: Environment = Environment.LIVE, secrets: Secrets | None = None
) -> AsyncIterator[OkxProbe]:
    spec, is_demo = spec_of(environment, base=venue.url), environment is Environment.UAT
    tls = await asyncio.to_thread(client_tls)
    http = HttpClient(clock=venue.clock, randomness=Random(1), tls=tls, proxies=ProxyChoice())
    rest = OkxRest(urls=spec.urls, http=http, clock=venue.clock, is_demo=is_demo)
    signer = OkxSigner(CredentialType.HMAC, secrets or venue.secrets(is_demo=is_demo))
    try:
        await rest.clock.measure()
        yield OkxProbe(venue_id=spec.venue_id, rest=rest, signer=signer, clock=venue.clock)
    finally:
        await http.close()
        rest.close()


async def found(probe: OkxProbe, *, with_orders: bool = True) -> Mapping[str, ProbeFinding]:
    return {finding.fact: finding async for finding in probe.findings(with_orders=with_orders)}


def others(findings: Mapping[str, ProbeFinding]) -> Mapping[str, str]:
    return {fact: each.shown for fact, each in findings.items() if each.verdict is not ProbeVerdict.CONFIRMED}


@pytest.mark.parametrize("mode", ["1", "2", "3", "4"])
async def test_every_fact_is_confirmed_in_every_account_mode_and_nothing_is_left(tmp_path: Path, mode: str) -> None:
    async with simulated_okx(tmp_path, account_level=mode) as venue, probe_of(venue) as probe:
        findings = await found(probe)
        assert others(findings) == {}
        assert len(findings) == ALL
        truth = await venue.get("truth")
        assert not [each for each in truth["orders"] if each["state"] in ("live", "partially_filled")]
        assert not [each for each in truth["algo_orders"] if each["state"] == "live"]


async def test_a_demo_key_is_probed_without_orders(tmp_path: Path) -> None:
    async with simulated_okx(tmp_path) as venue, probe_of(venue, Environment.UAT) as probe:
        findings = await found(probe, with_orders=False)
        assert (others(findings), len(findings)) == ({}, READINGS)
        assert (await venue.get("truth"))["orders"] == []


async def test_a_key_that_is_not_accepted_is_refuted_once(tmp_path: Path) -> None:
    async with simulated_okx(tmp_path) as venue:
        wrong = replace(venue.secrets(), api_secret="wrong")
        async with probe_of(venue, secrets=wrong) as probe:
            refuted = [each for each in (await found(probe)).values() if each.verdict is ProbeVerdict.REFUTED]
        assert [each.fact.partition(",")[0] for each in refuted] == ["the key is accepted"]
        assert (await venue.get("truth"))["orders"] == []


async def test_a_key_that_may_withdraw_is_refuted(tmp_path: Path) -> None:
    async with simulated_okx(tmp_path) as venue:
        keys = venue.simulator.venue.keys
        secrets = venue.secrets()
        keys.add(replace(keys.of(is_demo=False), can_withdraw=True))
        async with probe_of(venue, secrets=secrets) as probe:
            finding = (await found(probe, with_orders=False))["the key may not withdraw"]
        assert (finding.verdict, finding.shown[:6]) == (ProbeVerdict.REFUTED, "it may")


async def test_a_fact_whose_order_cannot_be_paid_for_is_not_seen(tmp_path: Path) -> None:
    async with simulated_okx(tmp_path, deposits={}) as venue, probe_of(venue) as probe:
        unseen = others(await found(probe))
        assert len(unseen) > 5
        assert "Put 1 USDT into the trading account." in unseen["a canceled order is still found"]
