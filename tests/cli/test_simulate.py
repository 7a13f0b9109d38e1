"""`cadenza simulate`: it serves, says where and with which keys, and ends when it is asked to."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cadenza.cli import simulate_all
from cadenza.runtime.simulating.settings import PORTS, default_parent_dir

from .conftest import Cadenza


@contextmanager
def serving(
    venue: str, data_dir: Path, is_whole: Callable[[str], bool], free: Sequence[str] = ("--port", "0")
) -> Iterator[str]:
    """Run a venue's simulator, or all, until the block ends, and give what it said. It must stop without an error and
    leave its keys and its ledger."""
    command = [sys.executable, "-m", "cadenza.cli", "simulate", venue, *free, "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while not is_whole(said):
                line = process.stdout.readline()
                assert line, said
                said += line
            yield said
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    for name in PORTS if venue == "all" else [""]:
        assert {"keys.json", "truth.jsonl"} <= {path.name for path in (data_dir / name).iterdir()}


def answer_at(said: str, path: str) -> Any:
    """Return what the simulator answers below the address of REST that it said."""
    url = re.search(r"REST +(\S+)", said)
    assert url is not None
    with urllib.request.urlopen(f"{url[1]}{path}", timeout=60) as reply:
        return json.load(reply)


def test_the_simulator_serves_says_how_and_stops(tmp_path: Path) -> None:
    with serving("binance", tmp_path, lambda said: "venue probe BINANCE\n" in said) as said:
        url = re.search(r"REST +(\S+)", said)
        assert url is not None
        assert said.count("-----END PRIVATE KEY-----") == 2
        assert f"CADENZA_VENUES=PAPER,MOCK,BINANCE CADENZA_BINANCE_URL={url[1]} make run" in said
        key, secret = re.findall(r"HMAC key\n +key +(\S+)\n +secret +(\S+)", said)[0]
        pasted = re.search(r"KEY='(.+)'", said)
        assert pasted is not None
        asked = {"venue": "BINANCE", "credentialType": "HMAC", "apiKey": key, "apiSecret": secret}
        assert json.loads(pasted[1]) == asked
        assert answer_at(said, "/api/v3/ping") == {}


def test_the_simulator_of_okx_serves_says_how_and_stops(tmp_path: Path) -> None:
    with serving("okx", tmp_path, lambda said: "KEY='" in said) as said:
        assert re.findall("(live|demo) key", said) == ["live", "demo"]
        pasted = re.search(r"KEY='(.+)'", said)
        assert pasted is not None
        assert json.loads(pasted[1])["apiPassphrase"] == re.findall(r"passphrase  (\S+)", said)[0]
        assert answer_at(said, "/public/time")["code"] == "0"


def test_the_simulator_of_deribit_serves_says_how_and_stops(tmp_path: Path) -> None:
    with serving("deribit", tmp_path, lambda said: "KEY='" in said) as said:
        key, secret = re.findall(r"HMAC key\n +key +(\S+)\n +secret +(\S+)", said)[0]
        asked = f"grant_type=client_credentials&client_id={key}&client_secret={secret}"
        assert answer_at(said, f"/public/auth?{asked}")["result"]["token_type"] == "bearer"


ALL = {
    "BINANCE": "SPOT, MARGIN, FUTURES",
    "BINANCE_UAT": "SPOT, FUTURES",
    "OKX": "SPOT, FUTURES, OPTIONS",
    "OKX_UAT": "SPOT, FUTURES, OPTIONS",
    "DERIBIT": "MARGIN, FUTURES, OPTIONS",
    "DERIBIT_UAT": "MARGIN, FUTURES, OPTIONS",
    "BITFINEX": "SPOT, MARGIN, FUTURES",
    "BITFINEX_UAT": "SPOT, FUTURES",
}
"""The venues, and which accounts trade there."""


def test_all_simulators_serve_say_how_and_stop(tmp_path: Path) -> None:
    with serving("all", tmp_path, lambda said: "portfolio/list" in said, ["--free-ports", "--still"]) as said:
        shown = re.findall(r"^  ([A-Z_]+) +(http://\S+)  (.+)$", said, re.MULTILINE)
        assert {name: types for name, _, types in shown} == ALL
        (names,) = re.findall(r"CADENZA_VENUES=(\S+) ", said)
        assert names.split(",") == ["PAPER", "MOCK", *ALL]
        assert re.findall(r"^  CADENZA_(\w+)_URL=(\S+) ", said, re.MULTILINE) == [row[:2] for row in shown]
        paper, *keys = [json.loads(key) for key in re.findall(r"^key '(.+)'$", said, re.MULTILINE)]
        assert paper["venue"] == "PAPER"
        assert [key["venue"] for key in keys] == list(ALL)
        assert len({key["apiKey"] for key in keys}) == len(ALL)
        kept = "".join((tmp_path / name / "keys.json").read_text() for name in PORTS)
        assert all(key["apiKey"] in kept for key in keys)
        bought = re.findall(r"^buy (\w+) (\w+):", said, re.MULTILINE)
        expected = {"PAPER": "SPOT, MARGIN"} | ALL
        assert bought == [(type, name) for name, types in expected.items() for type in types.split(", ")]
        for _, url, _ in shown:
            with urllib.request.urlopen(f"{url}/simulator/truth", timeout=60) as reply:
                assert reply.status == 200


def test_one_that_cannot_start_ends_all(cadenza: Cadenza, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = dict.fromkeys(PORTS, 0) | {"okx": taken.getsockname()[1]}
        monkeypatch.setattr(simulate_all, "PORTS", ports)
        result = cadenza("simulate", "all", "--still", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("cadenza: the simulator of OKX did not start: ")
    assert "address already in use" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_damaged_ledger_of_one_ends_all(cadenza: Cadenza, tmp_path: Path) -> None:
    (tmp_path / "deribit").mkdir()
    (tmp_path / "deribit/truth.jsonl").write_text("nonsense\n")
    result = cadenza("simulate", "all", "--still", "--free-ports", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"cadenza: the simulator of DERIBIT did not start: {tmp_path}/deribit/truth.jsonl")


def test_a_taken_port_is_said_plainly(cadenza: Cadenza, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = cadenza("simulate", "binance", "--port", port, "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert "address already in use" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_damaged_ledger_is_said_plainly(cadenza: Cadenza, tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_text("nonsense\n")
    result = cadenza("simulate", "binance", "--port", "0", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert f"cadenza: {tmp_path}/truth.jsonl, line 1: " in result.stderr


@pytest.mark.parametrize("data_home", [None, "elsewhere"])
def test_data_is_kept_in_the_users_directory(
    data_home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "" if data_home is None else str(tmp_path / data_home))
    parent = tmp_path / (".local/share" if data_home is None else data_home)
    assert default_parent_dir() == parent / "cadenza-simulators"
