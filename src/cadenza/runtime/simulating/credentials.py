"""The bodies that store the keys of simulators as credentials of the platform (`POST /api/v3/credential/create`)."""

from cadenza.simulators.binance.server import BinanceSimulator
from cadenza.simulators.bitfinex.server import BitfinexSimulator
from cadenza.simulators.deribit.server import DeribitSimulator
from cadenza.simulators.okx.server import OkxSimulator


def binance_credential(simulator: BinanceSimulator, venue: str = "BINANCE") -> dict[str, str]:
    """Return the body that stores the HMAC key as a credential of the venue."""
    key = simulator.venue.keys.of("HMAC")
    return _hmac_credential(venue, key.key, key.secret)


def okx_credential(simulator: OkxSimulator, *, is_demo: bool = False) -> dict[str, str]:
    """Return the body that stores the key of the live environment, or of the demo one, as a credential."""
    key = simulator.venue.keys.of(is_demo=is_demo)
    return _hmac_credential("OKX_UAT" if is_demo else "OKX", key.key, key.secret) | {"apiPassphrase": key.passphrase}


def deribit_credential(simulator: DeribitSimulator, venue: str = "DERIBIT") -> dict[str, str]:
    """Return the body that stores the first key as a credential of the venue."""
    key = simulator.venue.keys.all()[0]
    return _hmac_credential(venue, key.key, key.secret)


def bitfinex_credential(simulator: BitfinexSimulator, *, is_paper: bool = False) -> dict[str, str]:
    """Return the body that stores the key of the account, or of the paper account, as a credential."""
    settings = simulator.venue.settings
    key = simulator.venue.keys.of(settings.paper_account if is_paper else settings.account)
    return _hmac_credential("BITFINEX_UAT" if is_paper else "BITFINEX", key.key, key.secret)


def _hmac_credential(venue: str, key: str, secret: str) -> dict[str, str]:
    return {"venue": venue, "credentialType": "HMAC", "apiKey": key, "apiSecret": secret}
