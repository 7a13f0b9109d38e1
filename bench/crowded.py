"""A simulator with many accounts, each with a key and money of its own, for venue_start.py.

    crowded.py VENUE DIRECTORY ACCOUNTS

Prints its address and the keys as one line of JSON, and serves until SIGTERM. Then it prints how many requests it
refused for their pace.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from cadenza.runtime.local import SystemClock, SystemIds
from cadenza.simulators.binance.server import run_simulator
from cadenza.simulators.binance.settings import SimulatorSettings
from cadenza.simulators.binance.wire.keys import KeyPermissions, make_key
from cadenza.simulators.binance.wire.limits import UsedLimits
from cadenza.simulators.bitfinex.server import run_bitfinex
from cadenza.simulators.bitfinex.settings import BitfinexSettings
from cadenza.simulators.bitfinex.wire.keys import make_bitfinex_key
from cadenza.simulators.bitfinex.wire.pacing import BitfinexPacing
from cadenza.simulators.deribit.server import run_deribit
from cadenza.simulators.deribit.settings import DeribitSettings
from cadenza.simulators.deribit.wire.access import make_deribit_key
from cadenza.simulators.deribit.wire.credits import CreditBook
from cadenza.simulators.okx.server import run_okx_simulator
from cadenza.simulators.okx.settings import OkxSimulatorSettings
from cadenza.simulators.okx.wire.keys import make_okx_key
from cadenza.simulators.okx.wire.pacing import OkxPacing

Key = dict[str, str]
IDS = SystemIds()


def of_binance(venue: Any, account: str) -> Key:
    rights = KeyPermissions(can_trade_margin=False, can_trade_futures=False)
    key = make_key(account, "HMAC", IDS, rights)
    venue.keys.add(key)
    venue.spot.exchange.open_account(account, venue.settings.deposits, venue.now_ms())
    return {"key": key.key, "secret": key.secret}


def of_okx(venue: Any, account: str) -> Key:
    key, ledger = make_okx_key(account, IDS), venue.exchange.ledger
    venue.keys.add(key)
    ledger.open_account(replace(ledger.mode(venue.settings.account), account=account))
    for asset, amount in venue.settings.deposits.items():
        venue.deposit(account, asset, amount, venue.now_ms())
    return {"key": key.key, "secret": key.secret, "passphrase": key.passphrase}


def of_deribit(venue: Any, account: str) -> Key:
    key = make_deribit_key(account, IDS)
    venue.keys.add(key)
    for currency, amount in venue.settings.deposits.items():
        venue.deposit(currency, amount, account)
    return {"key": key.key, "secret": key.secret}


def of_bitfinex(venue: Any, account: str) -> Key:
    key = make_bitfinex_key(account, IDS)
    venue.keys.add(key)
    for wallet, amounts in venue.settings.deposits.items():
        for currency, amount in amounts.items():
            venue.exchange.ledger.move((account, wallet, currency), amount, f"Deposit ({currency})", venue.now_ms())
    return {"key": key.key, "secret": key.secret}


Run = Callable[..., AbstractAsyncContextManager[Any]]
CROWDS: dict[str, tuple[Run, Callable[..., Any], Callable[[Any, str], Key], list[tuple[Any, str]]]] = {
    "BINANCE": (run_simulator, SimulatorSettings, of_binance, [(UsedLimits, "charge"), (UsedLimits, "connect")]),
    "OKX": (run_okx_simulator, OkxSimulatorSettings, of_okx, [(OkxPacing, "charge"), (OkxPacing, "charge_account")]),
    "DERIBIT": (run_deribit, DeribitSettings, of_deribit, [(CreditBook, "charge")]),
    "BITFINEX": (run_bitfinex, BitfinexSettings, of_bitfinex, [(BitfinexPacing, "charge")]),
}
"""How a simulator runs, with which settings, how an account is opened there, and the methods that refuse what comes too
fast."""


class Refusals:
    """Counts what is refused for its pace."""

    def __init__(self, methods: list[tuple[Any, str]]) -> None:
        self.total = 0
        for owner, name in methods:
            setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **fields: Any) -> Any:
            try:
                return method(*arguments, **fields)
            except Exception:
                self.total += 1
                raise

        return counted


async def main(name: str, directory: Path, accounts: int) -> None:
    run, settings, opened, methods = CROWDS[name]
    refusals = Refusals(methods)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(run(settings(data_dir=directory), SystemClock(), IDS))
        keys = [opened(running.venue, f"bench-{number}") for number in range(accounts)]
        print(json.dumps({"url": running.url, "keys": keys}), flush=True)
        await stop.wait()
        print(json.dumps({"refused": refusals.total}), flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
