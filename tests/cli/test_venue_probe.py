"""`cadenza venue probe` against the simulator: facts are confirmed, and one that does not hold is refuted."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cadenza


class Simulator:
    """A simulator in a process of its own."""

    def __init__(self, said: str) -> None:
        self.url = re.search(r"REST +(http://[^/\s]+)", said)[1]  # type: ignore[index]
        self.key, self.secret = re.search(r"key\n +key +(\S+)\n +secret +(\S+)", said).groups()  # type: ignore[union-attr]
        self.passphrase = (re.search(r"passphrase +(\S+)", said) or [None, ""])[1]

    def fail(self, faults: dict[str, object]) -> None:
        self.post("faults", faults)

    def post(self, path: str, order: dict[str, object]) -> Any:
        """Return what it answers to an order of a test."""
        body = json.dumps(order).encode()
        request = urllib.request.Request(f"{self.url}/simulator/{path}", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def open_orders(self) -> list[object]:
        with urllib.request.urlopen(f"{self.url}/simulator/truth", timeout=10) as reply:
            truth = json.load(reply)
        return [order for order in _orders(truth) if order["status"] == "NEW"]


def _orders(truth: object) -> Iterator[dict[str, str]]:
    if isinstance(truth, dict):
        if "status" in truth and "clientOrderId" in truth:
            yield truth
        for value in truth.values():
            yield from _orders(value)
    elif isinstance(truth, list):
        for value in truth:
            yield from _orders(value)


@contextmanager
def running(venue: str, last: str, directory: Path) -> Iterator[Simulator]:
    """Run a simulator; `last` is what it says when it has told its keys."""
    command = [sys.executable, "-m", "cadenza.cli", "simulate", venue, "--still", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(directory / "simulator")], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while last not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield Simulator(said)
        finally:
            process.send_signal(signal.SIGTERM)
            process.stdout.read()  # type: ignore[union-attr]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    with running("binance", "RSA key", tmp_path) as found:
        yield found


@pytest.fixture
def probe(cadenza: Cadenza, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Cadenza:
    monkeypatch.setenv("CADENZA_BINANCE_URL", simulator.url)
    monkeypatch.setenv("CADENZA_BINANCE_UAT_URL", simulator.url)
    monkeypatch.setenv("PROBE_KEY", simulator.key)
    monkeypatch.setenv("PROBE_SECRET", simulator.secret)
    return lambda *arguments, **more: cadenza("venue", "probe", *arguments, **more)


def test_the_facts_are_confirmed_and_no_order_is_left(probe: Cadenza, simulator: Simulator) -> None:
    result = probe("BINANCE", "--with-orders")
    assert result.exit_code == 0, result.stdout
    verdicts = [line.split("  ")[0] for line in result.stdout.splitlines()]
    assert verdicts == ["CONFIRMED"] * 41
    assert simulator.secret not in result.output
    assert simulator.open_orders() == []


def test_without_orders_none_is_placed(probe: Cadenza) -> None:
    lines = probe("BINANCE_UAT").stdout.splitlines()
    assert len(lines) == 16
    assert lines[-1].startswith("No order was placed: ")


def test_a_fact_that_does_not_hold_is_refuted(probe: Cadenza, simulator: Simulator) -> None:
    simulator.fail({"lookup_lag_ms": 700})
    result = probe("BINANCE", "--with-orders")
    assert result.exit_code == 1
    refuted = [line for line in result.stdout.splitlines() if line.startswith("REFUTED")]
    assert "REFUTED    an order is found by our id as soon as its reply has come: it was found " in refuted[0]


def test_a_wrong_key_shows_what_it_can(probe: Cadenza, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_SECRET", "wrong")
    result = probe("BINANCE")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("CONFIRMED  the venue answers with its time: ")
    refuted = [line for line in lines if line.startswith("REFUTED")]
    assert [line.split(":")[0] for line in refuted] == ["REFUTED    the key is accepted, and the account has an id"]


def test_okx_is_probed_with_a_passphrase(cadenza: Cadenza, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running("okx", "demo key", tmp_path) as simulator:
        monkeypatch.setenv("CADENZA_OKX_URL", simulator.url)
        key = ("--key", simulator.key, "--secret", simulator.secret)
        result = cadenza("venue", "probe", "OKX", *key, "--passphrase", simulator.passphrase, "--with-orders")
        assert result.exit_code == 0, result.output
        assert [line.split("  ")[0] for line in result.stdout.splitlines()] == ["CONFIRMED"] * 17
        unknown = cadenza("venue", "probe", "OKX", *key, "--passphrase", '{"zone": "EEA"}')
        assert "unknown field 'zone'" in unknown.stderr
        assert simulator.secret not in result.output + unknown.output


def test_deribit_is_probed_with_orders(cadenza: Cadenza, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running("deribit", "    secret", tmp_path) as simulator:
        monkeypatch.setenv("CADENZA_DERIBIT_URL", simulator.url)
        key = ("--key", simulator.key, "--secret", simulator.secret)
        result = cadenza("venue", "probe", "DERIBIT", *key, "--with-orders")
        assert [line.split("  ")[0] for line in result.stdout.splitlines()] == ["CONFIRMED"] * 12, result.output
        assert simulator.secret not in result.output
        scopes = {"account": "read", "trade": "read_write", "wallet": "read_write"}
        made = simulator.post("keys", {"scopes": scopes})
        result = cadenza("venue", "probe", "DERIBIT", "--key", made["key"], "--secret", made["secret"])
        assert [line for line in result.stdout.splitlines() if line.startswith("REFUTED")] == [
            "REFUTED    the key may not withdraw: "
            "it may: make a key whose wallet scope is read or none, and delete this one"
        ]


def test_a_venue_that_is_not_reached_is_a_failure_with_its_cause(
    cadenza: Cadenza, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CADENZA_BINANCE_URL", "http://127.0.0.1:1")
    result = cadenza("venue", "probe", "BINANCE", "--key", "0" * 64, "--secret", "0")
    assert result.exit_code == 1
    assert "cadenza: BINANCE was not reached: the venue could not be asked: connect, " in result.stderr
    assert "127.0.0.1:1" in result.stderr


@pytest.mark.parametrize("venue", ["PAPER", "MOCK"])
def test_a_venue_of_the_server_itself_is_not_probed_and_no_key_is_asked_for(cadenza: Cadenza, venue: str) -> None:
    result = cadenza("venue", "probe", venue)
    assert result.exit_code == 1
    assert f"{venue} runs in the server itself: there is nothing to probe" in result.stderr
    assert "API key" not in result.output


def test_what_cannot_be_probed_is_said(probe: Cadenza) -> None:
    assert "B2C2 has no probe yet" in probe("B2C2").stderr
    assert "--type must be HMAC, RSA or ED25519" in probe("BINANCE", "--type", "DSA").stderr
