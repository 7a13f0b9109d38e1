"""Settings that are valid, and hardly what was meant."""

from collections.abc import Iterator

from cadenza.runtime.config import NetworkedVenueConfig, Settings


def warnings_of(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each one."""
    is_mirrored = "PAPER" in settings.venues and settings.paper.market == "mirror:BINANCE"
    for venue, live, test in (
        ("BINANCE", settings.binance, settings.binance_uat),
        ("OKX", settings.okx, settings.okx_uat),
        ("DERIBIT", settings.deribit, settings.deribit_uat),
        ("BITFINEX", settings.bitfinex, settings.bitfinex_uat),
    ):
        yield from _warnings_of_venue(settings, venue, live, test, is_mirrored=is_mirrored and venue == "BINANCE")


def _warnings_of_venue(
    settings: Settings, venue: str, live: NetworkedVenueConfig, test: NetworkedVenueConfig, *, is_mirrored: bool
) -> Iterator[str]:
    live_name, test_name = f"CADENZA_{venue}", f"CADENZA_{venue}_UAT"
    is_live = venue in settings.venues
    is_test = bool({f"{venue}_UAT", f"{venue}_SANDBOX"}.intersection(settings.venues))
    if is_live and not is_test and not _is_replaced(live) and _is_replaced(test):
        yield (
            f"CADENZA_VENUES names {venue}, and only the addresses of {venue}_UAT are replaced ({test_name}_URL): "
            f"orders go to the live venue. Set {live_name}_URL, or name {venue}_UAT"
        )
    elif not is_test and _is_replaced(test):
        yield f"{test_name}_URL has no effect: CADENZA_VENUES does not name {venue}_UAT"
    if not (is_live or is_mirrored) and _is_replaced(live):
        yield f"{live_name}_URL has no effect: CADENZA_VENUES does not name {venue}"


def _is_replaced(config: NetworkedVenueConfig) -> bool:
    return bool(config.url or config.urls)
