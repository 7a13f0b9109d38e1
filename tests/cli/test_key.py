"""`cadenza key`: an operator makes, lists and ends API keys of users; a running server takes them."""

import asyncio
import re
from pathlib import Path

import pytest
from click.testing import Result

from cadenza.adapters.vault.keyring import FileKeyRing
from tests.cli.conftest import Cadenza, done
from tests.contract.checker import CheckedClient
from tests.e2e.trader import ok, refused
from tests.serving import Serving, eventually

PASSWORD = "correct horse battery"
OWNER = "owner@example.com"
UNKNOWN_ID = "0199f2a6-1b2c-7d3e-8f4a-5b6c7d8e9f01"


@pytest.fixture
def desk(outside: Cadenza, tmp_path: Path) -> Cadenza:
    """The command line over a database with one user, and with a master key."""
    FileKeyRing(tmp_path / "data" / "master.key")
    done(outside("user", "create", OWNER, "--password", PASSWORD))
    return outside


def secret_in(printed: str) -> str:
    return printed.splitlines()[-1]


def id_in(printed: str) -> str:
    return re.findall(r"is API key (\S+) of", printed)[0]


def test_a_key_is_made_listed_and_revoked(desk: Cadenza) -> None:
    printed = done(desk("key", "create", OWNER, "--name", "bot", "--scopes", "write", "--addresses", "192.0.2.0/24"))
    assert secret_in(printed).count(".") == 2
    listed = done(desk("key", "list"))
    assert f"{id_in(printed)}  ACTIVE  bot" in listed
    assert "all accounts  all environments  192.0.2.0/24  never used" in listed
    dumped = listed + desk("doctor").output + desk("config", "show").output
    assert secret_in(printed).rpartition(".")[2] not in dumped
    for _ in range(2):
        assert done(desk("key", "revoke", id_in(printed))) == "bot is revoked.\n"
    assert "REVOKED  bot" in done(desk("key", "list"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "nobody@example.com", "--name", "bot"], "there is no user nobody@example.com"),
        (["create", OWNER, "--name", " "], "name: expected 1 to 100 printable characters"),
        (["create", OWNER, "--name", "bot", "--scopes", "all"], "'all' is not one of read, write, admin"),
        (["create", OWNER, "--name", "bot", "--environments", "moon"], "'moon' is not one of live, uat, paper"),
        (["create", OWNER, "--name", "bot", "--addresses", "home"], "'home' is no IP address or CIDR block"),
        (["create", OWNER, "--name", "bot", "--accounts", "mine"], "--accounts: 'mine' is no id"),
        (["create", OWNER, "--name", "bot", "--accounts", UNKNOWN_ID], "there is no such trading account"),
        (["revoke", "x"], "the key: 'x' is no id"),
        (["revoke", UNKNOWN_ID], f"there is no API key {UNKNOWN_ID}"),
    ],
)
def test_what_is_wrong_with_a_key_is_said_in_a_sentence(desk: Cadenza, arguments: list[str], said: str) -> None:
    result = desk("key", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("option", ["--accounts", "--environments", "--addresses", "--scopes"])
def test_an_option_that_is_given_and_empty_makes_no_key(desk: Cadenza, option: str) -> None:
    """A shell passes an empty text for a variable that is not set. That must not make a key without limits."""
    for text in ("", " ", ",", "paper,"):
        result = desk("key", "create", OWNER, "--name", "bot", option, text)
        assert result.exit_code == 2, (text, result.output)
        assert option in result.stderr
        assert "Traceback" not in result.output
    assert done(desk("key", "list")) == ""


def test_a_key_needs_the_master_keys_of_the_server(outside: Cadenza) -> None:
    done(outside("user", "create", OWNER, "--password", PASSWORD))
    result = outside("key", "create", OWNER, "--name", "bot")
    assert result.exit_code == 1
    assert "master.key is missing" in result.stderr


def test_a_master_key_that_signed_live_api_keys_is_not_dropped_by_mistake(desk: Cadenza) -> None:
    done(desk("key", "create", OWNER, "--name", "bot"))
    listed = done(desk("master-key", "list"))
    assert "0 credentials  1 API keys  active" in listed
    old = listed.split()[0]
    done(desk("master-key", "rotate"))
    refusal = desk("master-key", "drop", old)
    assert refusal.exit_code == 1
    assert f"{old} signed 1 live API keys" in refusal.stderr
    assert old in done(desk("master-key", "list"))
    assert done(desk("master-key", "drop", old, "--end-api-keys")) == f"{old} was removed.\n"


async def test_a_running_server_takes_the_key_and_refuses_it_when_it_is_revoked(
    desk: Cadenza, database_dsn: str, tmp_path: Path
) -> None:
    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(desk, *arguments)

    server = await Serving.start(tmp_path / "data", DATABASE_URL=database_dsn)
    try:
        printed = done(await run("key", "create", OWNER, "--name", "bot"))
        async with CheckedClient(server.url, token=secret_in(printed)) as bot:
            assert (await ok(bot.get("/api/v3/tradingAccount/list"))).data == []
            done(await run("key", "revoke", id_in(printed)))

            async def is_refused() -> bool:
                return (await bot.get("/api/v3/tradingAccount/list")).status != 200

            await eventually(is_refused)  # it reads the database again within a second
            refused(await bot.get("/api/v3/tradingAccount/list"), 401, "INVALID_TOKEN")
    finally:
        assert await server.stop() == 0
