"""`cadenza simulate`: it serves, says where and with which keys, and ends when it is asked to."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from cadenza.cli.simulate import default_data_dir

from .conftest import Cadenza


def test_the_simulator_serves_says_how_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cadenza.cli", "simulate", "binance", "--port", "0", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "venue probe BINANCE\n" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            url = re.search(r"REST +(\S+)", said)
            assert url is not None
            assert said.count("-----END PRIVATE KEY-----") == 2
            assert f"CADENZA_VENUES=PAPER,MOCK,BINANCE CADENZA_BINANCE_URL={url[1]} make run" in said
            key, secret = re.findall(r"HMAC key\n +key +(\S+)\n +secret +(\S+)", said)[0]
            pasted = re.search(r"KEY='(.+)'", said)
            assert pasted is not None
            asked = {"venue": "BINANCE", "credentialType": "HMAC", "apiKey": key, "apiSecret": secret}
            assert json.loads(pasted[1]) == asked
            with urllib.request.urlopen(f"{url[1]}/api/v3/ping", timeout=10) as reply:
                assert json.load(reply) == {}
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert {"keys.json", "truth.jsonl"} <= {path.name for path in tmp_path.iterdir()}


def test_the_simulator_of_okx_serves_says_how_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cadenza.cli", "simulate", "okx", "--port", "0", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while said.count("passphrase") < 2:
                line = process.stdout.readline()
                assert line, said
                said += line
            assert re.findall("(live|demo) key", said) == ["live", "demo"]
            url = re.search(r"REST +(\S+)", said)
            assert url is not None
            with urllib.request.urlopen(f"{url[1]}/public/time", timeout=10) as reply:
                assert json.load(reply)["code"] == "0"
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert {"keys.json", "truth.jsonl"} <= {path.name for path in tmp_path.iterdir()}


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
    assert default_data_dir("binance") == parent / "cadenza-simulators/binance"
