"""`cadenza simulate all`: every simulator in one process, and the lines that trade on all of them."""

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
    typer.Option(help="Its folder of each venue holds keys and the ledger; by default each simulator's own directory."),
]
PAPER_KEY: Mapping[str, str] = {
    "venue": "PAPER",
    "credentialType": "HMAC",
    "apiKey": "my-paper-key",
    "apiSecret": "anything",
}


@dataclass(frozen=True, slots=True)
class RunningVenue:
    """A running simulator. `credential` is the body that stores its key; the first account that the key reaches trades
    `instrument`."""

    venue: str
    url: str
    data_dir: Path
    credential: Mapping[str, str]
    instrument: str


def all_venues(
    host: Host = "127.0.0.1",
    seed: Seed = 1,
    faults: Faults = 0.0,
    data_dir: ParentDir = None,
    still: Still = False,
    free_ports: FreePorts = False,
) -> None:
    """Run the simulators of all venues until SIGINT or SIGTERM. When one cannot start, none runs."""

    def settings(name: str) -> CommonSettings:
        return common_settings(name, seed, faults, None if data_dir is None else data_dir / name, still)

    ports = dict.fromkeys(PORTS, 0) if free_ports else PORTS
    asyncio.run(serve_until_stopped(_all_running(settings, host, ports), banner_of_all))


@asynccontextmanager
async def _all_running(
    settings: Callable[[str], CommonSettings], host: str, ports: Mapping[str, int]
) -> AsyncIterator[Sequence[RunningVenue]]:
    from cadenza.simulators.kit.truth import TruthError

    async with AsyncExitStack() as stack:
        running = []
        for name, start in _STARTS.items():
            try:
                running.append(await stack.enter_async_context(start(settings(name), host, ports[name])))
            except TruthError as error:
                raise fail(f"the simulator of {name.upper()} did not start: {error}") from None
            except OSError as error:
                raise fail(f"the simulator of {name.upper()} did not start: {in_words(error)}") from None
        yield running


@asynccontextmanager
async def _binance(common: CommonSettings, host: str, port: int) -> AsyncIterator[RunningVenue]:
    async with start_binance(common, host, port) as running:
        credential = binance_credential(running)
        yield RunningVenue("BINANCE", running.url, common["data_dir"], credential, "BINANCE:BTC/USDT")


@asynccontextmanager
async def _okx(common: CommonSettings, host: str, port: int) -> AsyncIterator[RunningVenue]:
    async with start_okx(common, host, port) as running:
        yield RunningVenue("OKX", running.url, common["data_dir"], okx_credential(running), "OKX:BTC/USDT")


@asynccontextmanager
async def _deribit(common: CommonSettings, host: str, port: int) -> AsyncIterator[RunningVenue]:
    async with start_deribit(common, host, port) as running:
        credential = deribit_credential(running)
        yield RunningVenue("DERIBIT", running.url, common["data_dir"], credential, "DERIBIT:BTC/USDC")


@asynccontextmanager
async def _bitfinex(common: CommonSettings, host: str, port: int) -> AsyncIterator[RunningVenue]:
    async with start_bitfinex(common, host, port) as running:
        credential = bitfinex_credential(running)
        yield RunningVenue("BITFINEX", running.url, common["data_dir"], credential, "BITFINEX:BTC/USDT")


_STARTS: Mapping[str, Callable[[CommonSettings, str, int], AbstractAsyncContextManager[RunningVenue]]] = {
    "binance": _binance,
    "okx": _okx,
    "deribit": _deribit,
    "bitfinex": _bitfinex,
}


def banner_of_all(running: Sequence[RunningVenue]) -> str:
    """Return where the simulators are, the line that starts the platform with them, and the lines that connect an
    account of each and trade there."""
    *others, last = (each.venue for each in running)
    lines = [f"{', '.join(others)} and {last}, simulated. Nothing here is real. Ctrl-C stops all."]
    for each in running:
        lines += [f"  {each.venue:8}  {each.url}, its keys in {each.data_dir / 'keys.json'}"]
    names = ",".join(["PAPER", "MOCK", *(each.venue for each in running)])
    urls = " ".join(f"CADENZA_{each.venue}_URL={each.url}" for each in running)
    return "\n".join(
        [
            *lines,
            "Start the platform with them, in a second terminal:",
            f"  CADENZA_VENUES={names} {urls} make run",
            "Trade on all, in a third one: paste what follows. It buys 0.01 of each and shows what you hold.",
            *_trades(running),
        ]
    )


def _trades(running: Sequence[RunningVenue]) -> list[str]:
    keys = [(PAPER_KEY, "PAPER:BTC/USDT"), *((each.credential, each.instrument) for each in running)]
    return [
        _PRELUDE,
        *(f"trade {instrument} '{json.dumps(key)}'" for key, instrument in keys),
        'send "$API/tradingAccount/portfolio/list"',
    ]


_PRELUDE = r"""
API=http://127.0.0.1:8000/api/v3
LOGIN='{"email": "me@example.com", "password": "correct horse battery"}'
TOKEN=none
send() { curl -sS -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' "$@"; echo; }
pick() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
trade() {
  CREDENTIAL=$(send $API/credential/create -d "$2" | pick credentialId)
  NAMED="\"credentialIds\": [\"$CREDENTIAL\"]"
  EXTERNAL=$(send $API/credential/verify -d "{$NAMED}" | pick externalTradingAccountId)
  ACCOUNT=$(send $API/tradingAccount/connect -d "{$NAMED, \"externalTradingAccountId\": \"$EXTERNAL\"}" \
    | pick tradingAccountId)
  send $API/tradeOrder/submit -d "{\"tradingAccountId\": \"$ACCOUNT\", \"instrumentId\": \"$1\",
    \"orderSide\": \"BUY\", \"orderType\": \"MARKET\", \"quantity\": \"0.01\", \"awaitClosed\": true}"
}
send $API/auth/signup -d "$LOGIN"
TOKEN=$(send $API/auth/login -d "$LOGIN" | pick accessToken)""".strip()
"""As in the README's first trade."""
