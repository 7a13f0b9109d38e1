"""The configuration that we write for Centrifugo, read by Centrifugo itself (version 5), and its twin of version 6."""

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests import needs
from typer.testing import CliRunner

from cadenza.adapters.engines.centrifugo.configuration import SECRET_HEADER
from cadenza.adapters.vault.keyring import FileKeyRing
from cadenza.adapters.vault.tokens import signing_key
from cadenza.cli import make_app

RENAMED = {  # of version 5: where version 6 has it
    "address": "http_server.address",
    "engine": "engine.type",
    "usage_stats_disable": "usage_stats.disabled",
    "allowed_origins": "client.allowed_origins",
    "token_hmac_secret_key": "client.token.hmac_secret_key",
    "token_issuer": "client.token.issuer",
    "token_audience": "client.token.audience",
    "api_key": "http_api.key",
    "ping_interval": "client.ping_interval",
    "pong_timeout": "client.pong_timeout",
    "websocket_message_size_limit": "websocket.message_size_limit",
    "proxy_connect_endpoint": "client.proxy.connect.endpoint",
    "proxy_connect_timeout": "client.proxy.connect.timeout",
    "proxy_subscribe_endpoint": "channel.proxy.subscribe.endpoint",
    "proxy_subscribe_timeout": "channel.proxy.subscribe.timeout",
    "proxy_sub_refresh_endpoint": "channel.proxy.sub_refresh.endpoint",
    "proxy_sub_refresh_timeout": "channel.proxy.sub_refresh.timeout",
    "proxy_rpc_endpoint": "rpc.proxy.endpoint",
    "proxy_rpc_timeout": "rpc.proxy.timeout",
}
RENAMED_OF_NAMESPACES = {"proxy_subscribe": "subscribe_proxy_enabled", "proxy_sub_refresh": "sub_refresh_proxy_enabled"}
PROXIES = ("client.proxy.connect", "channel.proxy.subscribe", "channel.proxy.sub_refresh", "rpc.proxy")


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in [name for name in os.environ if name.startswith("CADENZA_")]:
        monkeypatch.delenv(variable)
    return tmp_path / "data"


def written(data_dir: Path, version: int, *more: str) -> dict[str, Any]:
    environ = {"CADENZA_DATA_DIR": str(data_dir), "CADENZA_PORT": "8765"}
    result = CliRunner().invoke(make_app(), ["centrifugo", "config", "--version", str(version), *more], env=environ)
    assert result.exit_code == 0, result.output
    reply: dict[str, Any] = json.loads(result.stdout)
    return reply


def at(tree: Any, path: str) -> Any:
    for name in path.split("."):
        tree = tree[name]
    return tree


def test_centrifugo_5_takes_it_without_a_complaint(data_dir: Path, tmp_path: Path) -> None:
    binary = needs.centrifugo()
    file = tmp_path / "centrifugo.json"
    file.write_text(json.dumps(written(data_dir, 5, "--address", "127.0.0.1")))
    checked = subprocess.run([binary, "checkconfig", "-c", file], capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    file.write_text(json.dumps({**json.loads(file.read_text()), "namespaces": [{"name": "bad name"}]}))
    assert subprocess.run([binary, "checkconfig", "-c", file], capture_output=True, timeout=60).returncode != 0


def test_the_keys_are_those_of_this_house(data_dir: Path) -> None:
    reply = written(data_dir, 5, "--origin", "https://a.example", "--origin", "https://b.example")
    assert reply["token_hmac_secret_key"] == signing_key(FileKeyRing(data_dir / "master.key").active())
    assert reply["proxy_rpc_endpoint"] == "http://127.0.0.1:8765/centrifugo/rpc"
    assert reply["allowed_origins"] == ["https://a.example", "https://b.example"]
    secrets = {reply["api_key"], reply["proxy_static_http_headers"][SECRET_HEADER], reply["token_hmac_secret_key"]}
    assert {len(secret) for secret in secrets} == {64}
    assert len(secrets) == 3
    assert written(data_dir, 5) == written(data_dir, 5)


def test_version_6_says_the_same_in_its_own_words(data_dir: Path) -> None:
    five, six = written(data_dir, 5), written(data_dir, 6)
    reply = set()
    for name, value in five.items():
        where = RENAMED.get(name) or name.replace("client_", "client.", 1)
        if name in ("namespaces", "port", "proxy_static_http_headers", "proxy_include_connection_meta"):
            continue
        assert at(six, where) == value, name
        reply.add(where)
    assert at(six, "http_server.port") == str(five["port"])
    for proxy in PROXIES:
        assert at(six, f"{proxy}.http.static_headers") == five["proxy_static_http_headers"]
        assert at(six, f"{proxy}.include_connection_meta") is five["proxy_include_connection_meta"] is True
    assert at(six, "client.proxy.connect.enabled") is True
    assert at(six, "rpc.without_namespace") == {"proxy_enabled": True}
    assert at(six, "channel.namespaces") == [
        {RENAMED_OF_NAMESPACES.get(name, name): value for name, value in namespace.items()}
        for namespace in five["namespaces"]
    ]


def test_the_file_is_for_its_owner_alone(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "centrifugo.json"
    file.touch(mode=0o644)
    environ = {"CADENZA_DATA_DIR": str(data_dir)}
    result = CliRunner().invoke(make_app(), ["centrifugo", "config", "--output", str(file)], env=environ)
    assert (result.exit_code, result.stdout) == (0, f"{file} is written.\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["http_api"]["key"]


def test_another_version_is_refused(data_dir: Path) -> None:
    environ = {"CADENZA_DATA_DIR": str(data_dir)}
    result = CliRunner().invoke(make_app(), ["centrifugo", "config", "--version", "4"], env=environ)
    assert result.exit_code == 1
    assert "write 5 or 6" in result.output
