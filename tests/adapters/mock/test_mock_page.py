"""docs/venues/mock.md lists every step with an example that works."""

import re
from pathlib import Path

from tests.adapters.mock.mock_bench import ASK, BID, BTC, ETH, MockBench

from cadenza.adapters.venues.mock import Script
from cadenza.adapters.venues.mock.script import SCRIPTED_REASONS, STEPS, StepName
from cadenza.adapters.venues.mock.spec import BOOKS, DELAY_MS_MAX
from cadenza.domain.money import to_plain

PAGE = (Path(__file__).parents[3] / "docs/venues/mock.md").read_text()
_ROW = re.compile(r"^\| `([^`]+)` \| .+ \| `mock '([^']+)'` \|$", re.MULTILINE)


def usage(name: StepName) -> str:
    """A step as the page writes it: `partial:N[:MS]`."""
    _, arguments = STEPS[name]
    shown = (f":{a.label}" if a.default is None else f"[:{a.label}]" for a in arguments)
    return name.value + "".join(shown)


def rows() -> dict[str, str]:
    """Each step's example."""
    table = PAGE.partition("<!-- steps -->")[2].partition("<!-- /steps -->")[0]
    return dict(_ROW.findall(table))


def test_every_step_has_its_row_in_order() -> None:
    assert list(rows()) == [usage(name) for name in StepName]


def test_every_example_shows_its_step() -> None:
    for step, example in rows().items():
        script = Script.read(example)
        assert re.split(r"[:\[]", step)[0] in {found.name.value for found in script.steps.values()}
        assert "#" in example


async def test_every_example_is_taken(bench: MockBench) -> None:
    account, session, _ = await bench.session()
    for example in rows().values():
        order = bench.order(account, None, "0.01", client_order_id=example)
        submit = bench.start(session.submit(order))
        if "ack-delay" in example:
            await bench.until_at_work(order)
            bench.clock.advance(3_000)
        for report in await submit:
            assert not getattr(report, "reason", "").startswith("INVALID_ORDER")


def test_the_page_knows_reasons_prices_and_limits() -> None:
    reasons = PAGE.partition("REASON is one of")[2].partition(".\n")[0]
    assert re.findall(r"`(\w+)`", reasons) == list(SCRIPTED_REASONS)
    assert f"BTC {BID} / {ASK}" in PAGE
    assert f"ETH {to_plain(BOOKS[ETH.id].bid)} / {to_plain(BOOKS[ETH.id].ask)}" in PAGE
    assert f"maker {to_plain(BTC.maker_fee)}, taker {to_plain(BTC.taker_fee)}" in PAGE
    assert f"({DELAY_MS_MAX})" in PAGE
