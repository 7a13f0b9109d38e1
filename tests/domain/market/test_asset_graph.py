"""Which instruments value one asset in another: the most direct path, then spot, then the freshest prices."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from tests.domain.trading.worlds import instrument

from cadenza.domain.ids import InstrumentId
from cadenza.domain.market.asset_graph import AssetGraph, PricePath
from cadenza.domain.market.instrument import Instrument, InstrumentStatus, InstrumentType, TopOfBook


def traded(pair: str, **changes: object) -> Instrument:
    base, quote = pair.split("/")
    return instrument(id=InstrumentId(pair), symbol=pair, base_asset=base, quote_asset=quote, **changes)


def at(price: str, at_ms: int = 1) -> TopOfBook:
    return TopOfBook(Decimal(price), Decimal(price), None, at_ms)


def names(path: PricePath | None) -> list[str] | None:
    return None if path is None else [step.instrument_id for step in path]


def fresh(graph: AssetGraph, asset: str, target: str, **tops: TopOfBook) -> list[str] | None:
    prices = {name.replace("_", "/"): top for name, top in tops.items()}
    return names(graph.fresh_path(asset, target, lambda id: prices.get(str(id))))


SPOT = AssetGraph(map(traded, ("BTC/USDT", "ETH/USDT", "BTC/USD", "EUR/USD", "ETH/BTC")))


def test_any_number_of_steps_values_an_asset_and_the_fewest_are_taken() -> None:
    path = SPOT.path("EUR", "USDT")
    assert names(path) == ["EUR/USD", "BTC/USD", "BTC/USDT"]
    assert path is not None
    assert [step.is_inverted for step in path] == [False, True, False]
    assert names(SPOT.path("ETH", "USDT")) == ["ETH/USDT"]
    assert names(SPOT.path("USD", "USD")) == []
    assert SPOT.path("XRP", "USDT") is None


def test_a_longer_fresh_path_values_what_the_direct_one_cannot() -> None:
    assert fresh(SPOT, "ETH", "USDT", ETH_BTC=at("0.05"), BTC_USDT=at("60000")) == ["ETH/BTC", "BTC/USDT"]
    assert fresh(SPOT, "ETH", "USDT", ETH_BTC=at("0.05")) is None
    assert fresh(SPOT, "ETH", "USDT", ETH_USDT=TopOfBook(None, None, None, 1)) is None


def test_of_equally_long_paths_the_freshest_prices_win_and_spot_before_perpetuals() -> None:
    graph = AssetGraph(map(traded, ("AAA/MMM", "MMM/USD", "AAA/YYY", "YYY/USD")))
    tops = {"AAA_MMM": at("1", 9), "MMM_USD": at("1", 3), "AAA_YYY": at("1", 5), "YYY_USD": at("1", 5)}
    assert fresh(graph, "AAA", "USD", **tops) == ["AAA/YYY", "YYY/USD"]
    perpetual = instrument(id=InstrumentId("PERP"), base_asset="AAA", quote_asset="USD", type=InstrumentType.PERPETUAL)
    both = AssetGraph([perpetual, traded("AAA/USD")])
    assert fresh(both, "AAA", "USD", PERP=at("1", 9), AAA_USD=at("1", 1)) == ["AAA/USD"]
    assert fresh(both, "AAA", "USD", PERP=at("1", 9)) == ["PERP"]


def test_what_is_not_traded_or_is_no_price_of_the_asset_values_nothing() -> None:
    graph = AssetGraph(
        [traded("AAA/USD", status=InstrumentStatus.DELISTED), traded("BBB/USD", type=InstrumentType.OPTION)]
    )
    assert graph.path("AAA", "USD") is None
    assert graph.path("BBB", "USD") is None


PAIRS = st.lists(st.tuples(st.sampled_from("ABCDEF"), st.sampled_from("ABCDEF")).filter(lambda p: p[0] != p[1]))


@given(PAIRS)
def test_a_path_leads_from_the_asset_to_the_target_and_is_as_short_as_the_naive_search_says(
    pairs: list[tuple[str, str]],
) -> None:
    listed = {f"{base}/{quote}": (base, quote) for base, quote in pairs}
    path = AssetGraph(map(traded, listed)).path("A", "F")
    reached, hops = {"A"}, 0
    while "F" not in reached:
        wider = reached | {y for b, q in pairs for x, y in ((b, q), (q, b)) if x in reached}
        if wider == reached:
            assert path is None
            return
        reached, hops = wider, hops + 1
    assert path is not None
    assert len(path) == hops
    here = "A"
    for step in path:
        base, quote = listed[str(step.instrument_id)]
        assert here == (quote if step.is_inverted else base)
        here = base if step.is_inverted else quote
    assert here == "F"
