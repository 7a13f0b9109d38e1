"""A file that cannot be played is refused with a sentence: when it is imported, and again when it is loaded."""

import gzip
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cadenza.adapters.venues.paper.market.binance_session import import_session
from cadenza.adapters.venues.paper.market.playback import RecordedMarket
from cadenza.adapters.venues.paper.market.recording import (
    BookImage,
    BookTicker,
    DepthUpdate,
    Header,
    Message,
    Print,
    Recording,
    RecordingError,
    read_recording,
    write_recording,
)
from cadenza.adapters.venues.paper.market.verification import verify
from cadenza.cli.recording import app
from cadenza.domain.market.enums import Side

HEADER = Header(
    symbol="BTC/USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    started_at_ms=7,
    source="a test",
    licence="none",
)
SNAPSHOT = {"lastUpdateId": 2, "bids": [["10", "1"]], "asks": [["11", "1"]]}
PYTHON = re.compile(r"Error|Traceback|Errno|\w\(|'\w+'")
"""What Python says and an operator should not have to read."""


def depth(first: int, last: int, **more: Any) -> dict[str, Any]:
    data = {"s": "BTCUSDT", "E": 5, "U": first, "u": last, "b": [["10.50", "0"]], "a": [["12", "1"]], **more}
    return {"stream": "btcusdt@depth@100ms", "data": data}


def trade(**more: Any) -> dict[str, Any]:
    data = {"s": "BTCUSDT", "E": 9, "T": 8, "t": 77, "p": "11.00", "q": "0.00002", "m": True, **more}
    return {"stream": "btcusdt@trade", "data": data}


def ticker(**more: Any) -> dict[str, Any]:
    data = {"s": "BTCUSDT", "u": 3, "b": "10", "B": "1", "a": "11", "A": "2", **more}
    return {"stream": "btcusdt@bookTicker", "data": data}


def without(frame: dict[str, Any], name: str) -> dict[str, Any]:
    return {**frame, "data": {key: value for key, value in frame["data"].items() if key != name}}


def written(path: Path, *lines: Any) -> Path:
    """A capture of these lines; one that is no text becomes JSON behind a time."""
    texts = [
        line if isinstance(line, str) else f"{number * 1_000_000} {json.dumps(line)}"
        for number, line in enumerate(lines, start=7)
    ]
    path.write_bytes(gzip.compress("\n".join(texts).encode()))
    return path


def imported(path: Path) -> Recording:
    return import_session(
        path,
        symbol=HEADER.symbol,
        tick_size=HEADER.tick_size,
        lot_size=HEADER.lot_size,
        source=HEADER.source,
        licence=HEADER.licence,
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nonsense", "is not a time in ns, a blank and a message"),
        ("soon {}", "is not a time in ns, a blank and a message"),
        ("", "is not a time in ns, a blank and a message"),
        ("1 {", "has a message that is not JSON"),
        ("1 [1]", "has a message that is not a JSON object"),
        ({"a": 1}, "has no `data`"),
        ({"data": {}}, "has no `stream`"),
        (
            {"stream": "btcusdt@kline", "data": {}},
            "is of the stream kline; depth@100ms, trade and bookTicker are known",
        ),
        ({"stream": "btcusdt", "data": {}}, "is of the stream ; depth@100ms, trade and bookTicker are known"),
        ({"stream": 5, "data": {}}, "has no text in `stream`"),
        (without(depth(3, 3), "u"), "has no `u`"),
        (depth(3, 3, U="3"), "has no whole number in `U`"),
        (depth(3, 3, b=[["1"]]), "has no list of [price, quantity] in `b`"),
        (depth(3, 3, b=[[1, 2]]), "has no list of [price, quantity] in `b`"),
        (ticker(b="10.001"), "has 10.001 in `b`, which is not a multiple of 0.01"),
        (ticker(b="1e1"), "has 1e1 in `b`, which is not a plain decimal"),
        (trade(q="-1"), "has -1 in `q`, which is below 0"),
        (trade(m="yes"), "has no boolean in `m`"),
        ({**SNAPSHOT, "lastUpdateId": True}, "has no whole number in `lastUpdateId`"),
        ({**SNAPSHOT, "bids": None}, "has no list of [price, quantity] in `bids`"),
        (ticker(s="ETHUSDT"), "is of ETHUSDT, and --symbol is BTC/USDT"),
        ({**ticker(), "stream": "ethusdt@bookTicker"}, "is of ETHUSDT, and --symbol is BTC/USDT"),
    ],
)
def test_a_line_of_a_capture_that_cannot_be_used_is_named_in_a_sentence(
    tmp_path: Path, line: Any, problem: str
) -> None:
    path = written(tmp_path / "c.gz", SNAPSHOT, line, trade())
    with pytest.raises(RecordingError) as refusal:
        imported(path)
    assert str(refusal.value) == f"line 2 of the capture {problem}"


PLAYED: list[tuple[list[Any], str]] = [
    ([depth(1, 2), trade()], "has no snapshot of the book"),
    ([SNAPSHOT, depth(4, 5)], "line 2: the update 3 is missing before it"),
    ([SNAPSHOT, depth(3, 3), ticker(u=4), depth(10, 12)], "line 4: the updates 4 to 9 are missing before it"),
    ([depth(1, 1), depth(3, 4), SNAPSHOT, depth(8, 9)], "line 4: the updates 5 to 7 are missing before it"),
    ([depth(5, 6), SNAPSHOT, trade()], "line 1: the updates 3 to 4 are missing before it"),
    ([SNAPSHOT, depth(3, 5), depth(4, 6)], "line 3: the updates 4 to 6 begin before those of an earlier line end"),
    ([SNAPSHOT, depth(4, 3)], "line 2: the updates 4 to 3 end before they begin"),
    ([depth(1, 1), ticker(), SNAPSHOT], "nothing follows the snapshot"),
    ([SNAPSHOT, trade(p="0")], "line 2: a trade needs a price and a quantity above 0"),
    ([SNAPSHOT, trade(q="0")], "line 2: a trade needs a price and a quantity above 0"),
    ([SNAPSHOT, depth(3, 3, b=[["0", "1"]])], "line 2: a level needs a price above 0"),
    ([SNAPSHOT, ticker(b="11")], "line 2: the best bid is not below the best ask"),
    ([SNAPSHOT, ticker(B="0")], "line 2: a level needs a quantity above 0"),
    ([{**SNAPSHOT, "bids": [["10", "0"]]}, trade()], "line 1: a level needs a quantity above 0"),
    ([{**SNAPSHOT, "bids": [["10", "1"], ["10", "2"]]}, trade()], "line 1: a price is there twice on one side"),
    ([{**SNAPSHOT, "bids": [["12", "1"]]}, trade()], "line 1: the best bid is not below the best ask"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "problem"), PLAYED)
def test_a_capture_that_cannot_be_played_is_not_imported(tmp_path: Path, lines: list[Any], problem: str) -> None:
    path, out = written(tmp_path / "c.gz", *lines), tmp_path / "out.gz"
    options = ["--out", str(out), "--source", "s", "--licence", "l", "--lot-size", "0.00001"]
    result = CliRunner().invoke(app, ["import-binance", str(path), *options])
    assert (result.exit_code, result.stdout, out.exists()) == (1, "", False)
    assert problem in result.stderr
    assert PYTHON.search(result.stderr.replace(str(tmp_path), "")) is None


GOOD: tuple[Message, ...] = (
    BookImage(0, 2, ((1_000, 5),), ((1_100, 5),)),
    DepthUpdate(1_000, 1, 3, 4, ((1_000, 6),), ()),
)


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (GOOD[1:], "has no snapshot of the book"),
        ((*GOOD, DepthUpdate(2_000, 1, 6, 7, (), ())), "line 4: the update 5 is missing before it"),
        ((*GOOD, Print(2_000, 1, 1, 0, 1, Side.BUY)), "line 4: a trade needs a price and a quantity above 0"),
        (GOOD[:1], "nothing follows the snapshot"),
    ],
)
@pytest.mark.parametrize("use", [lambda recording: RecordedMarket(recording, start_ms=0), verify])
def test_a_recording_that_cannot_be_played_is_not_loaded(
    tmp_path: Path, use: Callable[[Recording], object], messages: tuple[Message, ...], problem: str
) -> None:
    write_recording(Recording(HEADER, messages), tmp_path / "r.gz")
    with pytest.raises(RecordingError, match=problem):
        use(read_recording(tmp_path / "r.gz"))


def test_updates_that_the_snapshot_contains_may_have_gaps() -> None:
    early = (DepthUpdate(0, 1, 1, 1, (), ()), DepthUpdate(0, 1, 9, 12, (), ()))
    later = (BookImage(5, 10, ((1_000, 5),), ()), DepthUpdate(2_000, 1, 13, 14, (), ()))
    assert RecordedMarket(Recording(HEADER, early + later), start_ms=0).advance(10)


@pytest.mark.timeout(60)
def test_what_came_before_a_late_snapshot_is_played_in_one_pass() -> None:
    """Each early update once showed all early best-price messages again, so that this would take minutes."""
    bids = tuple((price, 5) for price in range(1, 1_001))
    early: list[Message] = []
    for update in range(1, 4_001):
        early += [DepthUpdate(update, 1, update, update, ((1_000, 5),), ())]
        early += [BookTicker(update, update + 4_000, (1_000, 5), (1_100, 5))] * 2
    late = (BookImage(9_000, 1, bids, ((1_100, 5),)), BookTicker(20_000, 8_000, (1_000, 5), (1_100, 5)))
    assert verify(Recording(HEADER, (*early, *late))).best_price_messages == 1


def test_another_symbol_is_refused_and_a_symbol_that_paper_does_not_list_too(tmp_path: Path) -> None:
    path = written(tmp_path / "c.gz", SNAPSHOT, depth(3, 3))
    run = CliRunner().invoke
    options = ["--out", str(tmp_path / "o.gz"), "--source", "s", "--licence", "l"]
    other = run(app, ["import-binance", str(path), *options, "--symbol", "ETH/USDT"])
    assert (other.exit_code, other.stderr) == (
        1,
        "cadenza: line 2 of the capture is of BTCUSDT, and --symbol is ETH/USDT\n",
    )
    doge = depth(3, 3, s="DOGEUSDT") | {"stream": "dogeusdt@depth@100ms"}
    path = written(tmp_path / "d.gz", SNAPSHOT, doge)
    unknown = run(app, ["import-binance", str(path), *options[:6], "--symbol", "DOGE/USDT", "--lot-size", "1"])
    assert unknown.exit_code == 1
    assert "lists no DOGE/USDT; it lists BTC/USDT" in unknown.stderr


def spoiled(path: Path, how: str) -> Path:
    whole = path.read_bytes()
    match how:
        case "cut short":
            path.write_bytes(whole[: len(whole) // 2])
        case "damaged":
            path.write_bytes(whole[:30] + bytes(60) + whole[90:])
        case "of other sum":
            path.write_bytes(whole[:-8] + bytes(4) + whole[-4:])
        case "plain":
            path.write_text("hello\n")
        case "empty":
            path.write_bytes(b"")
        case "not text":
            path.write_bytes(gzip.compress(b"\xff\xfe\n"))
        case "missing":
            path.unlink()
        case "a directory":
            path.unlink()
            path.mkdir()
    return path


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("cut short", "is cut short"),
        ("damaged", "is not a gzip file, or is damaged"),
        ("of other sum", "is not a gzip file, or is damaged"),
        ("plain", "is not a gzip file, or is damaged"),
        ("empty", "is empty"),
        ("not text", "does not contain text"),
        ("missing", "cannot be read: no such file or directory"),
        ("a directory", "cannot be read: is a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_described_in_a_sentence(tmp_path: Path, how: str, sentence: str) -> None:
    run = CliRunner().invoke
    capture = spoiled(written(tmp_path / "c.gz", SNAPSHOT, *(trade(t=number) for number in range(3_000))), how)
    options = ["--out", str(tmp_path / "o.gz"), "--source", "s", "--licence", "l"]
    recording = tmp_path / "r.gz"
    write_recording(Recording(HEADER, GOOD * 500), recording)
    for result in (
        run(app, ["import-binance", str(capture), *options]),
        run(app, ["verify", str(spoiled(recording, how))]),
    ):
        assert (result.exit_code, result.stdout) == (1, "")
        assert sentence in result.stderr
        assert PYTHON.search(result.stderr.replace(str(tmp_path), "")) is None


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path, out = written(tmp_path / "c.gz", SNAPSHOT, depth(3, 3)), tmp_path / "none" / "o.gz"
    options = ["--out", str(out), "--source", "s", "--licence", "l"]
    result = CliRunner().invoke(app, ["import-binance", str(path), *options])
    assert result.exit_code == 1
    assert result.stderr == f"cadenza: {out} cannot be written: no such file or directory\n"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": "other/1"}, "line 1 names the format other/1; cadenza-recording/1 is known"),
        ({"format": None}, "line 1 has no text in `format`"),
        ({"tickSize": "x"}, "line 1 has x in `tickSize`, which is not a plain decimal"),
        ({"tickSize": "0"}, "line 1 has 0 in `tickSize`, which is not above 0"),
        ({"startedAt": "now"}, "line 1 has no whole number in `startedAt`"),
        ({"symbol": 5}, "line 1 has no text in `symbol`"),
    ],
)
def test_a_header_that_is_wrong_is_described(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    path = tmp_path / "r.gz"
    write_recording(Recording(HEADER, GOOD), path)
    first, *rest = gzip.decompress(path.read_bytes()).decode().split("\n")
    path.write_bytes(gzip.compress("\n".join([json.dumps(json.loads(first) | change), *rest]).encode()))
    with pytest.raises(RecordingError) as refusal:
        read_recording(path)
    assert str(refusal.value) == problem


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("X 1 2", "is of the unknown kind X"),
        ("B 1 2 3", "has 2 numbers after its time; a B has 5"),
        ("B one 2 3 4 5 6", "has one, which is not a whole number"),
        ("D 1 2 3 4 2 5 6", "announces 2 bids and has 1 levels"),
        ("D 1 2 3 4 1 5", "has a price without a quantity"),
        ("D 1 2 3", "has 2 numbers after its time; a D has at least 4"),
        ("T 0", "has 0 numbers after its time; a T has 5"),
        ("T 0 1 1 -5 5 1", "has -5, which is below 0"),
        ("T", "has no time"),
        ("", "is empty"),
    ],
)
def test_a_line_of_a_recording_that_is_wrong_is_described(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "r.gz"
    write_recording(Recording(HEADER, ()), path)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + f"{line}\n".encode()))
    with pytest.raises(RecordingError) as refusal:
        read_recording(path)
    assert str(refusal.value) == f"line 2 {problem}"
