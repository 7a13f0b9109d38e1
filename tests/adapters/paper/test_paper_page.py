"""docs/venues/paper.md lists the settings and accounts as they are."""

import re
from dataclasses import fields
from pathlib import Path

from tests.inhouse_kit import KEY
from tests.paper_bench import Bench

from cadenza.adapters.venues.inhouse.accounts import AccountSettings
from cadenza.domain.accounts.credential import CredentialType
from cadenza.runtime.config import PaperConfig

PAGE = (Path(__file__).parents[3] / "docs/venues/paper.md").read_text()
_ROW = re.compile(r"^\| `CADENZA_PAPER_(\w+)` \| `?([^`|]*?)`? \| .+ \|$", re.MULTILINE)


def shown(value: object) -> str:
    if value is None:
        return "none"
    if hasattr(value, "items"):
        return ",".join(f"{name}={amount}" for name, amount in value.items())
    return str(value)


def test_every_setting_is_listed_with_its_default() -> None:
    table = PAGE.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    defaults = PaperConfig()
    wanted = {f.name: shown(getattr(defaults, f.name)) for f in fields(PaperConfig)}
    assert {name.lower(): default for name, default in _ROW.findall(table)} == wanted


async def test_the_accounts_are_called_so(bench: Bench) -> None:
    for account in (await bench.connector.verify(CredentialType.API_KEY, KEY)).accounts:
        stem, digits = account.external_id.rsplit("-", 1)
        assert f"`{stem}-`" in PAGE
        assert len(digits) == 12
    assert f"{AccountSettings().accounts_max:,}".replace(",", " ") in PAGE
