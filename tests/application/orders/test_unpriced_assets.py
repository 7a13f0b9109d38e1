"""The alarm about assets and positions that no fresh price values."""

from types import SimpleNamespace
from typing import Any

import pytest

from cadenza.application.orders.unpriced_assets import UNPRICED_AGAIN_MS, UnpricedAssets
from cadenza.domain.ids import PAPER, InstrumentId
from cadenza.ports.alarms import Alarm
from tests.application.orders.order_world import RecordingAlarms
from tests.inhouse_kit import ManualClock

PERPETUAL = InstrumentId("PAPER:BTC/USDT-PERP")


def shown(**lacks: Any) -> Any:
    summary = SimpleNamespace(**{"unpriced": (), "unmarked": (), **lacks})
    return SimpleNamespace(account=SimpleNamespace(venue_id=PAPER, id=1), summary=summary)


def valued(*, awaits: bool) -> Any:
    return SimpleNamespace(
        currency="USDT", may_come=lambda _: awaits, is_awaited=lambda _: awaits, needed=lambda _: [PERPETUAL]
    )


@pytest.mark.parametrize("lacks", [{"unpriced": ("BTC",)}, {"unmarked": (PERPETUAL,)}])
def test_what_lacks_a_price_is_named_once_an_hour_unless_its_price_is_still_to_come(lacks: dict[str, Any]) -> None:
    alarms, clock = RecordingAlarms(), ManualClock()
    assets = UnpricedAssets(alarms=alarms, clock=clock)
    assert assets.name(shown(**lacks), valued(awaits=True))
    assert alarms.sounded == []
    for pause_ms in (0, UNPRICED_AGAIN_MS - 1, 1):
        clock.advance(pause_ms)
        assert not assets.name(shown(**lacks), valued(awaits=False))
    named = [(alarm, facts["asset"], facts["without_fresh_price"]) for alarm, facts in alarms.sounded]
    assert named == [(Alarm.ASSET_UNPRICED, next(iter(lacks.values()))[0], [PERPETUAL])] * 2
