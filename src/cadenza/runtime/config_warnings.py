"""Settings that are valid, and hardly what was meant."""

from collections.abc import Iterator

from cadenza.runtime.config import BinanceConfig, Settings

_LIVE, _TEST = "CADENZA_BINANCE", "CADENZA_BINANCE_UAT"


def warnings_of(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each one."""
    is_live = "BINANCE" in settings.venues
    is_mirrored = "PAPER" in settings.venues and settings.paper.market == "mirror:BINANCE"
    is_test = bool({"BINANCE_UAT", "BINANCE_SANDBOX"}.intersection(settings.venues))
    if is_live and not is_test and not _is_replaced(settings.binance) and _is_replaced(settings.binance_uat):
        yield (
            f"CADENZA_VENUES names BINANCE, and only the addresses of BINANCE_UAT are replaced ({_TEST}_URL): orders "
            f"go to the live venue. Set {_LIVE}_URL, or name BINANCE_UAT"
        )
    elif not is_test and _is_replaced(settings.binance_uat):
        yield f"{_TEST}_URL has no effect: CADENZA_VENUES does not name BINANCE_UAT"
    if not (is_live or is_mirrored) and _is_replaced(settings.binance):
        yield f"{_LIVE}_URL has no effect: CADENZA_VENUES does not name BINANCE"


def _is_replaced(config: BinanceConfig) -> bool:
    return bool(config.url or config.urls)
