"""`cadenza user`, `keys` and `recording`, as who holds the machine uses them; then a user logs in with the result."""

import asyncio
import re
from pathlib import Path

import pytest
from click.testing import Result

from cadenza.adapters.vault.keyring import FileKeyRing
from tests.cli.conftest import Cadenza, done
from tests.e2e.trader import Trader, ok, refused
from tests.serving import Serving

PASSWORD = "correct horse battery"
NEXT_PASSWORD = "battery horse correct"


def test_users_are_made_listed_and_limited(outside: Cadenza) -> None:
    told = done(outside("user", "create", "Ops@Example.com", "--password", PASSWORD, "--operator"))
    assert told.startswith("ops@example.com is user ")
    assert "paper" in done(outside("user", "set-environments", "ops@example.com", "paper,uat"))
    listed = done(outside("user", "list"))
    assert "ops@example.com" in listed
    assert "paper,uat  operator" in listed
    assert "read, write" in done(outside("user", "set-scopes", "ops@example.com", "read,write"))
    assert "  read,write  " in done(outside("user", "list"))
    again = outside("user", "create", "ops@example.com", "--password", PASSWORD)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.startswith("cadenza: ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "nobody", "--password", PASSWORD], "email"),
        (["create", "a@example.com", "--password", "short"], "password"),
        (["create", "a@example.com", "--password", PASSWORD, "--environments", "moon"], "'moon' is not one of"),
        (["invite", "a@example.com", "--scopes", "all"], "'all' is not one of"),
        (["invite", "a@example.com", "--into", "b@example.com"], "there is no user b@example.com"),
        (["set-environments", "a@example.com", "live"], "no user"),
        (["set-scopes", "a@example.com", "read"], "no user"),
        (["set-scopes", "a@example.com", "all"], "'all' is not one of"),
        (["remove", "a@example.com"], "no user"),
        (["remove", "nobody"], "email"),
        (["reset-password", "--token", "x", "--password", PASSWORD], "token"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(outside: Cadenza, arguments: list[str], told: str) -> None:
    result = outside("user", *arguments)
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_a_removed_user_leaves_the_list(outside: Cadenza) -> None:
    done(outside("user", "create", "a@example.com", "--password", PASSWORD))
    told = done(outside("user", "remove", "a@example.com"))
    assert "was removed" in told
    assert done(outside("user", "list")) == ""
    done(outside("user", "create", "a@example.com", "--password", PASSWORD))
    user = done(outside("user", "list")).split()[0]
    assert user not in told
    done(outside("user", "remove", user))


def test_environments_that_are_given_and_empty_do_not_mean_all(outside: Cadenza) -> None:
    result = outside("user", "create", "a@example.com", "--password", PASSWORD, "--environments", "")
    assert result.exit_code == 2
    assert "--environments" in result.stderr
    assert done(outside("user", "list")) == ""


def test_keys_are_rotated_and_dropped(outside: Cadenza, tmp_path: Path) -> None:
    FileKeyRing(tmp_path / "data" / "master.key")
    before = done(outside("keys", "list"))
    old = before.split()[0]
    assert "0 credentials were sealed again" in done(outside("keys", "rotate"))
    assert re.findall(r"^(\w+).*active$", done(outside("keys", "list")), re.MULTILINE) != [old]
    assert done(outside("keys", "drop", old)) == f"{old} was removed.\n"
    assert old not in done(outside("keys", "list"))
    assert outside("keys", "drop", old).stderr == f"cadenza: there is no master key {old}\n"


def test_the_packaged_recording_is_verified(cadenza: Cadenza) -> None:
    told = done(cadenza("recording", "verify"))
    assert "Every rule held at every trial." in told
    assert cadenza("recording", "verify", "/does/not/exist").exit_code == 1


async def test_invitations_passwords_and_keys_reach_a_running_server(
    outside: Cadenza, database_dsn: str, tmp_path: Path
) -> None:
    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(outside, *arguments)

    done(await run("user", "create", "admin@example.com", "--password", PASSWORD))
    server = await Serving.start(tmp_path / "data", DATABASE_URL=database_dsn)
    try:
        async with Trader(server.url, email="admin@example.com") as admin, Trader(server.url) as stranger:
            await admin.log_in()
            await admin.connect()
            closed = {"email": stranger.email, "password": PASSWORD}
            refused(await stranger.api.post("/api/v3/auth/signup", closed), 400, "SIGNUP_CLOSED")
            done(await run("user", "invite", stranger.email, "--into", admin.email, "--scopes", "read"))
            token = re.findall(r"\n    (\S+)\n", done(await run("user", "outbox")))[0]
            await ok(stranger.api.post("/api/v3/auth/signup", closed | {"metadata": {"invitation": token}}))
            await stranger.log_in()
            assert len((await ok(stranger.api.get("/api/v3/tradingAccount/list"))).data) == 2
            refused(await stranger.try_submit(tradingAccountId=admin.spot), 403, "INSUFFICIENT_SCOPE")
            assert "1 credentials were sealed again" in done(await run("keys", "rotate"))
            verified = {"credentialIds": [admin.credential]}
            assert len((await ok(admin.api.post("/api/v3/credential/verify", verified))).data) == 2
            await ok(admin.api.post("/api/v3/auth/recover", {"email": admin.email}))
    finally:
        assert await server.stop() == 0
