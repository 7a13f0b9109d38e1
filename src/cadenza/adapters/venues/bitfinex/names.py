"""Codes and names: of currencies, which the venue shortens, and of pairs.

A code of a derivative ends with F0: `BTCF0:USTF0` is bitcoin in the collateral USTF0, which is Tether. Here both are
named by what they stand for, so `tBTCF0:USTF0` is `BTC/USDT-PERP`, settled in USDT.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from cadenza.adapters.venues.bitfinex.spec import PAPER_PREFIX
from cadenza.adapters.venues.kit.words import UnreadablePayload
from cadenza.domain.ids import Environment

TRADING_PREFIX = "t"
PERPETUAL_SUFFIX = "-PERP"
DERIVATIVE_MARK = "F0"

ALIASES: Mapping[str, str] = {
    "ALG": "ALGO", "AMP": "AMPL", "ATO": "ATOM", "BCHN": "BCH", "DAT": "DATA", "DOG": "MDOGE", "DSH": "DASH",
    "EDO": "PNT", "EUS": "EURS", "EUT": "EURT", "IOT": "IOTA", "LUNA": "LUNC", "LUNA2": "LUNA", "MNA": "MANA",
    "QTM": "QTUM", "TERRAUST": "USTC", "TSD": "TUSD", "UDC": "USDC", "UST": "USDT", "VSY": "VSYS", "YYW": "YOYOW",
}  # fmt: skip
"""Codes that are not the usual name of their currency. The venue publishes such a map itself (`pub:map:currency:sym`),
which goes first."""

_CODE = re.compile(r"[A-Z0-9]{1,20}")
_SHORT = 3


class AssetNames:
    """What the venue's codes are called here.

    Law: no two currencies have one name. Where several codes claim it, it belongs to the code that is spelled so, else
    to none of them, and the others keep their codes. Of a derivative's code it is the name of what that stands for.
    """

    def __init__(
        self,
        codes: Sequence[str] = (),
        usual: Mapping[str, str] | None = None,
        underlying: Mapping[str, str] | None = None,
    ) -> None:
        """`usual` and `underlying` are the venue's own maps."""
        self._underlying = dict(underlying or {})
        wanted = {**ALIASES, **{code: name.upper() for code, name in (usual or {}).items()}}
        listed = {code for code in (codes or wanted) if not self._is_derivative(code)}
        names = {code: wanted[code] if _CODE.fullmatch(wanted.get(code, "")) else code for code in listed}
        while doubtful := _claimed_twice(names):
            names.update((code, code) for code in doubtful)
        self._names = names

    def asset_of(self, code: str) -> str:
        """Return the name of a currency. Raises `UnreadablePayload`."""
        if _CODE.fullmatch(code) is None:
            raise UnreadablePayload(f"{code[:20]!r} is no code of a currency")
        plain = self._underlying.get(code) or (code.removesuffix(DERIVATIVE_MARK) if is_derivative(code) else code)
        return self._names.get(plain, plain)

    def _is_derivative(self, code: str) -> bool:
        return code in self._underlying or is_derivative(code)


def _claimed_twice(names: Mapping[str, str]) -> set[str]:
    """The codes whose name another currency has too, and is not their own code."""
    count = Counter(names.values())
    return {code for code, name in names.items() if name != code and count[name] > 1}


def is_derivative(code: str) -> bool:
    return code.endswith(DERIVATIVE_MARK) and len(code) > len(DERIVATIVE_MARK)


def codes_of(pair: str) -> tuple[str, str]:
    """Return base and quote of a pair: `BTCUSD`, or with a colon where a code is longer. Raises `UnreadablePayload`."""
    base, colon, quote = pair.partition(":")
    if not colon:
        base, quote = pair[:_SHORT], pair[_SHORT:]
    if _CODE.fullmatch(base) is None or _CODE.fullmatch(quote) is None or (not colon and len(quote) != _SHORT):
        raise UnreadablePayload(f"{pair[:40]!r} is no pair")
    return base, quote


def is_of(environment: Environment, name: str) -> bool:
    """Return whether a pair or a currency is the environment's: paper currencies and their pairs are UAT's, all others
    LIVE's."""
    is_paper = any(code.startswith(PAPER_PREFIX) for code in name.partition(":")[::2])
    return is_paper is (environment is Environment.UAT)
