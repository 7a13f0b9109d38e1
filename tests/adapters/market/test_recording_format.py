"""The recordings' file format, the converter that makes them, and the command line over both."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cadenza.adapters.venues.paper.market.binance_session import import_session
from cadenza.adapters.venues.paper.market.recording import (
    PACKAGED_RECORDING,
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
from cadenza.cli.recording import app
from cadenza.domain.market.enums import Side

HEADER = Header(
    symbol="BTC/USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    started_at_ms=1_723_161_253_937,
    source="a test",
    licence="none",
)
numbers = st.integers(0, 10**12)
level = st.tuples(numbers, numbers)
levels = st.lists(level, max_size=4).map(tuple)
times = st.integers(0, 10**9)
messages = st.one_of(
    st.builds(BookImage, times, numbers, levels, levels),
    st.builds(DepthUpdate, times, numbers, numbers, numbers, levels, levels),
    st.builds(BookTicker, times, numbers, level, level),
    st.builds(Print, times, numbers, numbers, numbers, numbers, st.sampled_from(Side)),
)


@settings(max_examples=50)
@given(st.lists(messages, max_size=10))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, some: list[Message]) -> None:
    path = tmp_path_factory.mktemp("recording") / "a.gz"
    recording = Recording(HEADER, tuple(some))
    write_recording(recording, path)
    assert read_recording(path) == recording


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    recording = Recording(HEADER, (BookTicker(5, 1, (1, 2), (3, 4)),))
    for name in ("a.gz", "b.gz"):
        write_recording(recording, tmp_path / name)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.parametrize(
    "header", ["", "{}", "[1]", '{"format": "other/1"}', json.dumps({"format": "cadenza-recording/1", "tickSize": "x"})]
)
def test_a_header_that_is_none_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(f"{header}\n".encode()))
    with pytest.raises(RecordingError):
        read_recording(path)


def test_the_packaged_recording_names_its_source_and_carries_its_licence() -> None:
    recording = read_recording(PACKAGED_RECORDING)
    assert "nkaz001/hftbacktest" in recording.header.source
    assert "MIT" in recording.header.licence
    assert "MIT License" in (PACKAGED_RECORDING.parent / "LICENSE.hftbacktest").read_text()
    assert PACKAGED_RECORDING.stat().st_size < 1_500_000


def frame(stream: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"stream": f"btcusdt@{stream}", "data": data}


CAPTURE = (
    (7_000_000, frame("depth@100ms", {"E": 5, "U": 1, "u": 2, "b": [["10.50", "0.00000"]], "a": [["11", "1.5"]]})),
    (7_500_000, {"lastUpdateId": 2, "bids": [["10", "1"]], "asks": []}),
    (9_000_999, frame("trade", {"E": 9, "T": 8, "t": 77, "p": "11.00", "q": "0.00002", "m": True})),
    (9_001_000, frame("trade", {"E": 9, "T": 8, "t": 78, "p": "11.00", "q": "0.00002", "m": False})),
    (9_002_000, frame("bookTicker", {"u": 3, "b": "10", "B": "1", "a": "11", "A": "2"})),
)


def write_capture(path: Path, lines: list[str]) -> Path:
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def capture_lines() -> list[str]:
    return [f"{time} {json.dumps(message)}" for time, message in CAPTURE]


def imported(path: Path) -> Recording:
    return import_session(
        path, symbol="BTC/USDT", tick_size=Decimal("0.01"), lot_size=Decimal("0.00001"), source="s", licence="l"
    )


def test_a_capture_becomes_whole_ticks_lots_and_microseconds(tmp_path: Path) -> None:
    recording = imported(write_capture(tmp_path / "c.gz", capture_lines()))
    assert recording.header.started_at_ms == 7
    assert recording.messages == (
        DepthUpdate(0, 5, 1, 2, ((1_050, 0),), ((1_100, 150_000),)),
        BookImage(500, 2, ((1_000, 100_000),), ()),
        Print(2_000, 8, 77, 1_100, 2, Side.SELL),
        Print(2_001, 8, 78, 1_100, 2, Side.BUY),
        BookTicker(2_002, 3, (1_000, 100_000), (1_100, 200_000)),
    )


def test_the_commands_import_and_verify(tmp_path: Path) -> None:
    capture, out = write_capture(tmp_path / "c.gz", capture_lines()), tmp_path / "out.gz"
    run = CliRunner().invoke
    options = ["--source", "s", "--licence", "l", "--lot-size", "0.00001"]
    result = run(app, ["import-binance", str(capture), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    assert "5 messages" in result.output
    assert read_recording(out) == imported(capture)
    verdict = run(app, ["verify", str(out)])
    assert verdict.exit_code == 0, verdict.output
    assert "1  best price messages" in verdict.output
    assert "Every rule held" in verdict.output


def test_the_commands_say_what_is_wrong(tmp_path: Path) -> None:
    run = CliRunner().invoke
    missing = run(app, ["verify", str(tmp_path / "none.gz")])
    assert missing.exit_code == 1
    assert "cannot be played" in missing.output
    capture = write_capture(tmp_path / "c.gz", capture_lines())
    options = ["--out", str(tmp_path / "o.gz"), "--source", "s", "--licence", "l", "--lot-size", "0"]
    assert run(app, ["import-binance", str(capture), *options]).exit_code == 2
