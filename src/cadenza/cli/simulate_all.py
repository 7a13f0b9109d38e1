"""`cadenza simulate all`: every simulator in one process, and the lines that trade on all of them.

A test environment (`_UAT`) is what it is at its venue: at BINANCE and DERIBIT a world of its own, so it has a simulator
of its own; at OKX and BITFINEX another key at the same hosts.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cadenza.cli.common import fail, in_words
from cadenza.cli.simulate import (
    PORTS,
    CommonSettings,
    Faults,
    Host,
    Seed,
    Still,
    binance_credential,
    bitfinex_credential,
    common_settings,
    default_parent_dir,
    deribit_credential,
    okx_credential,
    serve_until_stopped,
    start_binance,
    start_bitfinex,
    start_deribit,
    start_okx,
)

FreePorts = Annotated[bool, typer.Option("--free-ports", help="A free port for each simulator in place of its own.")]
ParentDir = Annotated[
    Path | None,
    typer.Option(help="Its folder of each simulator holds keys and the ledger; by default in the user's data."),
]
PORTS_OF_ALL: Mapping[str, int] = {
    **PORTS,
    "binance_uat": PORTS["binance"] + 1,
    "deribit_uat": PORTS["deribit"] + 1,
}
"""Where each simulator listens, those of test environments beside that of their venue."""


@dataclass(frozen=True, slots=True)
class ShownVenue:
    """A venue as the platform names it, and where its simulator is; PAPER has none. `credential` is the body that
    stores its key. `buys` has the type of each account that the key reaches and that can trade, with what is bought
    there: the instrument, and how, where MARKET orders are not taken."""

    name: str
    url: str
    credential: Mapping[str, str]
    buys: Mapping[str, str]


_PAPER = ShownVenue(
    "PAPER",
    "",
    {"venue": "PAPER", "credentialType": "HMAC", "apiKey": "any-key", "apiSecret": "anything"},
    {"SPOT": "BTC/USDT", "MARGIN": "BTC/USDT-PERP"},
)
"""It runs within the platform, and takes any key."""

_OPTION_LIMIT = '"orderType": "LIMIT", "limitPrice": "0.05"'
"""OKX takes no MARKET orders of options. A buy at half of the opening price rests."""

Shown = AbstractAsyncContextManager[Sequence[ShownVenue]]


def all_venues(
    host: Host = "127.0.0.1",
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: ParentDir = None,
    still: Still = False,
    free_ports: FreePorts = False,
) -> None:
    """Run the simulators of all venues and their test environments until SIGINT or SIGTERM. When one cannot start, none
    runs."""
    parent = data_dir or default_parent_dir()

    def settings(name: str) -> CommonSettings:
        return common_settings(name, seed, faults, parent / name, still)

    ports = dict.fromkeys(PORTS_OF_ALL, 0) if free_ports else PORTS_OF_ALL
    asyncio.run(serve_until_stopped(all_running(settings, host, ports), lambda shown: banner_of_all(shown, parent)))


@asynccontextmanager
async def all_running(
    settings: Callable[[str], CommonSettings], host: str, ports: Mapping[str, int]
) -> AsyncIterator[Sequence[ShownVenue]]:
    """Run all simulators until the context ends. Raises what ends the command when one cannot start."""
    from cadenza.simulators.kit.truth import TruthError

    shown: list[ShownVenue] = []
    running: list[AsyncExitStack] = []
    try:
        for name, start in STARTS.items():
            running.append(AsyncExitStack())
            try:
                shown += await running[-1].enter_async_context(start(settings(name), host, ports[name]))
            except TruthError as error:
                raise fail(f"the simulator of {name.upper()} did not start: {error}") from None
            except OSError as error:
                raise fail(f"the simulator of {name.upper()} did not start: {in_words(error)}") from None
        yield shown
    finally:
        await _stop_all(running)


async def _stop_all(running: Sequence[AsyncExitStack]) -> None:
    """Stop all at the same time, so that none trades on while another one waits for its clients."""
    ends = await asyncio.gather(*(each.aclose() for each in running), return_exceptions=True)
    if failures := [end for end in ends if isinstance(end, BaseException)]:
        raise BaseExceptionGroup("a simulator did not stop as it should", failures)


@asynccontextmanager
async def _binance(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_binance(common, host, port) as running:
        buys = {"SPOT": "BTC/USDT", "MARGIN": "BTC/USDT", "FUTURES": "BTC/USDT-PERP"}
        yield [ShownVenue("BINANCE", running.url, binance_credential(running), buys)]


@asynccontextmanager
async def _binance_uat(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_binance(common, host, port) as running:
        buys = {"SPOT": "BTC/USDT", "FUTURES": "BTC/USDT-PERP"}
        yield [ShownVenue("BINANCE_UAT", running.url, binance_credential(running, "BINANCE_UAT"), buys)]


@asynccontextmanager
async def _okx(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_okx(common, host, port) as running:
        option = f"BTC/USD-301227-60000-C {_quoted(_OPTION_LIMIT)}"
        buys = {"SPOT": "BTC/USDT", "FUTURES": "BTC/USDT-PERP", "OPTIONS": option}
        yield [
            ShownVenue(name, running.url, okx_credential(running, is_demo=is_demo), buys)
            for name, is_demo in (("OKX", False), ("OKX_UAT", True))
        ]


@asynccontextmanager
async def _deribit(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_deribit(common, host, port) as running:
        yield [ShownVenue("DERIBIT", running.url, deribit_credential(running), _DERIBIT_BUYS)]


@asynccontextmanager
async def _deribit_uat(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_deribit(common, host, port, is_testnet=True) as running:
        yield [ShownVenue("DERIBIT_UAT", running.url, deribit_credential(running, "DERIBIT_UAT"), _DERIBIT_BUYS)]


_DERIBIT_BUYS = {"MARGIN": "BTC/USDC", "FUTURES": "BTC/USDC-PERP", "OPTIONS": "BTC/USDC-27DEC30-60000-C"}


@asynccontextmanager
async def _bitfinex(common: CommonSettings, host: str, port: int) -> AsyncIterator[Sequence[ShownVenue]]:
    async with start_bitfinex(common, host, port) as running:
        buys = {"SPOT": "BTC/USDT", "MARGIN": "BTC/USD", "FUTURES": "BTC/USDT-PERP"}
        paper = {"SPOT": "TESTBTC/TESTUSD", "FUTURES": "TESTBTC/TESTUSDT-PERP"}
        yield [
            ShownVenue("BITFINEX", running.url, bitfinex_credential(running), buys),
            ShownVenue("BITFINEX_UAT", running.url, bitfinex_credential(running, is_paper=True), paper),
        ]


STARTS: Mapping[str, Callable[[CommonSettings, str, int], Shown]] = {
    "binance": _binance,
    "binance_uat": _binance_uat,
    "okx": _okx,
    "deribit": _deribit,
    "deribit_uat": _deribit_uat,
    "bitfinex": _bitfinex,
}


def banner_of_all(shown: Sequence[ShownVenue], directory: Path) -> str:
    """Return where the simulators are and which accounts trade there, the command that starts the platform with them,
    and the lines that connect every account and buy with it."""
    names = ",".join(["PAPER", "MOCK", *(each.name for each in shown)])
    return "\n".join(
        [
            f"Simulated venues: nothing here is real. Ctrl-C stops all. Keys and ledgers are in {directory}.",
            *(f"  {each.name:12}  {each.url}  {', '.join(each.buys)}" for each in shown),
            "Start the platform with them, in a second terminal:",
            f"  CADENZA_VENUES={names} \\",
            *(f"  CADENZA_{each.name}_URL={each.url} \\" for each in shown),
            "  make run",
            "Place an order with every account, in a third one: paste what follows. It buys 0.01 of a pair, a",
            "perpetual or an option, on PAPER too; MOCK follows a client's script (docs/venues/mock.md), so nothing is",
            "bought there. Each order is FILLED, but for OKX's options: it takes no MARKET orders of them, and a LIMIT",
            "order rests (ACCEPTED).",
            _PRELUDE,
            *(line for each in (_PAPER, *shown) for line in _lines_of(each)),
            'send "$API/tradingAccount/portfolio/list"',
        ]
    )


def _lines_of(venue: ShownVenue) -> list[str]:
    buys = [f"buy {type} {venue.name}:{bought}" for type, bought in venue.buys.items()]
    return [f"key {_quoted(json.dumps(venue.credential))}", *buys]


def _quoted(text: str) -> str:
    """Return a text without quotation marks of this kind as one word of a shell."""
    return f"'{text}'"


_PRELUDE = r"""
API=http://127.0.0.1:8000/api/v3
LOGIN='{"email": "me@example.com", "password": "correct horse battery"}'
TOKEN=none
MARKET='"orderType": "MARKET", "awaitClosed": true'
send() { curl -sS -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; echo; }
pick() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
ask() {
  if [ -z "$ERROR" ]; then
    REPLY=$(send "$API/$1" -d "$2")
    [ -n "$REPLY" ] && ERROR=$(echo "$REPLY" | pick error) || ERROR="no answer"
  fi
}
key() {
  ERROR=
  ask credential/create "$1"
  KEY="\"credentialIds\": [\"$(echo "$REPLY" | pick credentialId)\"]"
  ask credential/verify "{$KEY}"
  REACHED=$REPLY CANNOT=$ERROR
}
buy() {
  ERROR=$CANNOT
  ACCOUNT=$(echo "$REACHED" | tr '{' '\n' | grep "\"accountType\": *\"$1\"" | pick externalTradingAccountId)
  [ -n "$ACCOUNT" ] || ERROR=${ERROR:-"the key reaches no such account"}
  ask tradingAccount/connect "{$KEY, \"externalTradingAccountId\": \"$ACCOUNT\"}"
  ACCOUNT=$(echo "$REPLY" | pick tradingAccountId)
  ask tradeOrder/submit "{\"tradingAccountId\": \"$ACCOUNT\", \"instrumentId\": \"$2\",
    \"orderSide\": \"BUY\", \"quantity\": \"0.01\", ${3:-$MARKET}}"
  REASON=$(echo "$REPLY" | pick rejectReason)
  echo "$1 $2 ${ERROR:-$(echo "$REPLY" | pick status)${REASON:+ $REASON}}"
}
send $API/auth/signup -d "$LOGIN"
TOKEN=$(send $API/auth/login -d "$LOGIN" | pick accessToken)""".strip()
"""As in the README's first trade. `ask` asks nothing more once there is an ERROR, so the line of an account ends with
the first one."""
