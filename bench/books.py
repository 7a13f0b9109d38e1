"""Order books of venues from the recorded session: our feeds against ccxt pro, in the same run.

    python bench/books.py [--venues BINANCE] [--symbols 50] [--updates 200] [--rounds 3] [--alone]

A server in this process streams the recorded changes of BTC/USDT in the words of each venue (books_wires.py) as so many
symbols of it, as fast as each client reads them and one change of all symbols at once, the venues one after another,
and serves the recorded snapshot, by REST where the venue does. The recording is one of BINANCE, whatever the venue: the
same changes for all. Each client runs in a process of its own (books_ours.py, books_ccxt.py): it opens all books, and
then its CPU is measured from the first change to the last. Ours reads the best prices after each change, ccxt's
whenever it says that a book has changed. Both must end with the same book. ccxt has the environment of the judges
(tests/judges/build.sh). Memory (PSS) is of the whole process when all changes are applied: of ours the feeds and the
books, without the rest of the platform. The clients take turns; ratios are medians of the rounds' ratios, with the
least and the greatest of them. Of BITFINEX ccxt keeps 25 levels a side and no number: ours is measured `--alone` there.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from aiohttp import WSMsgType, web
from books_wires import BookWire, WireBook, wire_at

from cadenza.adapters.venues.paper.market.recording import (
    PACKAGED_RECORDING,
    BookImage,
    DepthUpdate,
    Recording,
    read_recording,
)

ROOT = Path(__file__).parents[1]
WAIT_S = 180
WRITTEN_CHECK_S = 0.0005


class RecordedVenue:
    """Serves the recorded session as the book of every symbol."""

    def __init__(self, recording: Recording, updates: int) -> None:
        self._header = recording.header
        image = next(each for each in recording.messages if isinstance(each, BookImage))
        changes = [each for each in recording.messages if isinstance(each, DepthUpdate)]
        found = [each for each in changes if each.last_id > image.last_update_id][:updates]
        # The numbers are the times: a client of DERIBIT keeps no other.
        first_ms = found[0].at_ms
        times = [first_ms + number for number in range(len(found) + 1)]
        self.image = self._book(image, first_ms - 1, times[0])
        self.changes = [
            self._book(each, previous, number) for each, previous, number in zip(found, times, times[1:], strict=False)
        ]
        self.sockets: list[tuple[asyncio.Transport, BookWire]] = []
        self.url = ""

    @property
    def last_number(self) -> int:
        return self.changes[-1].number

    @property
    def levels_per_change(self) -> float:
        return sum(len(each.bids) + len(each.asks) for each in self.changes) / len(self.changes)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            image = self.image
            return web.json_response({"lastUpdateId": image.number, "bids": image.bids, "asks": image.asks})
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        wire = wire_at(request.path)
        self.sockets.append((request.transport, wire))
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                for answer in wire.hear(message.data, self.image):
                    await socket.send_str(answer)
        return socket

    async def stream(self) -> None:
        """Send all changes to all sockets, at the pace at which they are read: one change of all symbols at once."""
        for change in self.changes:
            for transport, wire in self.sockets:
                transport.write(b"".join(map(frame, wire.changes(change))))
                while transport.get_write_buffer_size():  # noqa: ASYNC110 - it has no event for that
                    await asyncio.sleep(WRITTEN_CHECK_S)

    def _book(self, message: BookImage | DepthUpdate, previous: int, number: int) -> WireBook:
        tick, lot = self._header.tick_size, self._header.lot_size
        bids, asks = (
            [(f"{price * tick:.8f}", f"{quantity * lot:.8f}") for price, quantity in side]
            for side in (message.bids, message.asks)
        )
        return WireBook(bids, asks, number, previous, number)


def frame(text: str) -> bytes:
    """Return a message as a frame of the socket. A server's frames carry no mask."""
    message = text.encode()
    size = len(message)
    if size < 126:
        return b"\x81" + bytes([size]) + message
    return b"\x81" + (b"\x7e" + size.to_bytes(2) if size < 1 << 16 else b"\x7f" + size.to_bytes(8)) + message


async def measured(
    venue: RecordedVenue, command: list[str], names: str, symbols: int, last_number: int
) -> dict[str, Any]:
    """Run a client, stream when it is ready, and return what it measured."""
    venue.sockets.clear()
    arguments = [*command, names, venue.url, str(symbols), str(last_number)]
    environ = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    child = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE, env=environ)
    assert child.stdout is not None
    try:
        async with asyncio.timeout(WAIT_S):
            assert await child.stdout.readline() == b"ready\n", "the client did not open its books"
            await venue.stream()
            found: dict[str, Any] = json.loads(await child.stdout.readline())
            await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return found


async def compare(chosen: argparse.Namespace, judge: str | None) -> None:
    clients = {"ours": [sys.executable, str(ROOT / "bench/books_ours.py")]}
    if judge is not None:
        clients["ccxt pro"] = [judge, str(ROOT / "bench/books_ccxt.py")]
    venue = RecordedVenue(read_recording(PACKAGED_RECORDING), chosen.updates)
    app = web.Application()
    app.router.add_get("/{path:.*}", venue.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    rounds: list[dict[str, dict[str, Any]]] = []
    for _ in range(chosen.rounds):
        rounds.append(
            {
                name: await measured(venue, command, chosen.venues, chosen.symbols, venue.last_number)
                for name, command in clients.items()
            }
        )
        books = {float(found["best"]) for found in rounds[-1].values()}
        assert len(books) == 1, f"the books differ: {books}"
    await runner.cleanup()
    print(f"{chosen.symbols} books at each of {chosen.venues}", end=": ")
    changes = len(chosen.venues.split(",")) * chosen.symbols * chosen.updates
    report(rounds, changes, venue.levels_per_change)


def report(rounds: list[dict[str, dict[str, Any]]], changes: int, levels: float) -> None:
    print(f"{changes} changes of {levels:.0f} levels each")
    for name in rounds[0]:
        cpu_s = median(found[name]["cpu_s"] for found in rounds)
        pss_kib = median(found[name]["pss_kib"] for found in rounds)
        print(f"{name:9} {changes / cpu_s:9.0f} changes per CPU-second  {pss_kib / 1024:6.1f} MiB")
    if "ccxt pro" not in rounds[0]:
        return
    rates = [found["ccxt pro"]["cpu_s"] / found["ours"]["cpu_s"] for found in rounds]
    memory = median(found["ours"]["pss_kib"] / found["ccxt pro"]["pss_kib"] for found in rounds)
    spread = f"{min(rates):.2f} to {max(rates):.2f}"
    print(f"ratio     changes per CPU-second {median(rates):.2f} ({spread}), memory {memory:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venues", default="BINANCE", help="any of BINANCE, OKX, DERIBIT, BITFINEX, with commas")
    parser.add_argument("--alone", action="store_true", help="without ccxt")
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    build = [str(ROOT / "tests/judges/build.sh")]
    judge = None
    if not chosen.alone:
        judge = (
            os.environ.get("CADENZA_TEST_JUDGES")
            or subprocess.run(build, capture_output=True, text=True, check=True, timeout=WAIT_S).stdout.strip()
        )
    asyncio.run(compare(chosen, judge))


main()
