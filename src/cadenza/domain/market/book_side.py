"""One side of an order book, kept as text: a level becomes a pair of Decimals when somebody reads it."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice

from cadenza.domain.market.book_messages import Level, WrittenLevel
from cadenza.domain.market.enums import Side

NEAR_LEVELS_MIN = 128
NEAR_LEVELS_MAX = 500
"""So many of the best levels are kept at hand, the more the deeper a side is read; after some changes twice as many."""

CHANGES_MAX = 500
"""So many changed levels that are not at hand wait until they are written into the text of those."""


class OtherSpelling(Exception):
    """A price cannot be written as the prices of its book are."""


class SideOfBook:
    """The levels of one side: texts of quantities by texts of prices.

    All prices have `places` decimal places and no needless zero in front. So two texts are equal when the prices are;
    of two prices the one with the longer text is greater, and of equally long ones the one with the greater text.

    The best levels are near: all that are not worse than `_bound`, or all while that is empty. `_near` has them in no
    order; only the best of them is known. The others are far, and hardly ever read: `_far` is one text of them, and
    `_changes` are the quantities that were set since it was written, zeros included. A text takes a fifth of the memory
    of objects.

    A side shows `levels_max` levels, and forgets the worst of the others.
    """

    __slots__ = (
        "_best",
        "_bound",
        "_changes",
        "_far",
        "_is_bids",
        "_levels_max",
        "_near",
        "_near_levels",
        "_shown",
        "_shown_depth",
        "_zero",
        "places",
    )

    def __init__(self, side: Side, levels_max: int) -> None:
        self.places = 0
        self._is_bids = side is Side.BUY
        self._levels_max = levels_max
        self._near_levels = NEAR_LEVELS_MIN
        self._zero = "0"
        self._best: str | None = None
        self._changes: dict[str, str] = {}
        self._shown: tuple[Level, ...] = ()
        self._split({})

    def reset(self, levels: Iterable[WrittenLevel], places: int) -> None:
        """Become these levels, whose prices are above 0 and written with `places` places."""
        self.places = places
        self._split({price: quantity for price, quantity in dict(levels).items() if quantity.strip("0.")})

    def set(self, levels: Sequence[WrittenLevel]) -> None:
        """Set them all; a price may lack places. Raises `OtherSpelling` when some are set: to set all of them again,
        written as the book writes them, is right then."""
        if not levels:
            return
        self._shown_depth = 0
        near, changes, zero, best = self._near, self._changes, self._zero, self._best
        is_bids, bound, point = self._is_bids, self._bound, -self.places - 1
        width = len(bound) or -1
        for price, quantity in levels:
            is_known = price in near
            if not is_known:
                if len(price) == width and price[point] == "." and price[0] > "0":
                    is_far = price < bound if is_bids else price > bound
                else:
                    price = self._spelled(price)
                    is_known = price in near
                    is_far = not is_known and bound != "" and self._is_worse(price, bound)
                if is_far:
                    changes[price] = quantity
                    continue
            if quantity == zero or (quantity < "1" and not quantity.strip("0.")):
                self._zero = zero = quantity
                if is_known:
                    del near[price]
                    if price == best:
                        best = self._best = None
                continue
            near[price] = quantity
            if not is_known and best is not None and self._is_worse(best, price):
                best = self._best = price
        if best is None or len(near) > 2 * self._near_levels or len(changes) > CHANGES_MAX:
            self._tidy()

    def best_price(self) -> str | None:
        """Return the text of the best price."""
        return self._best

    def best(self) -> Level | None:
        price = self._best
        return None if price is None else (Decimal(price), Decimal(self._near[price]))

    def levels(self, depth: int) -> tuple[Level, ...]:
        """At most `depth` levels, best first. Reading them again costs little until the next change."""
        if depth > self._shown_depth:
            if len(self._near) < depth <= NEAR_LEVELS_MAX and (self._far or self._changes):
                self._near_levels = max(self._near_levels, depth)
                self._split(self._all())
            self._shown, self._shown_depth = tuple(islice(self.walk(), depth)), depth
        return self._shown[:depth]

    def walk(self) -> Iterator[Level]:
        """Yield all levels, best first."""
        for price, quantity in islice(self._best_first(), self._levels_max):
            yield Decimal(price), Decimal(quantity)

    def written(self) -> list[WrittenLevel]:
        """Return all levels, in no order."""
        return list(self._all().items())

    def _spelled(self, price: str) -> str:
        """Return the price as those of this book are written: some venues leave needless zeros out. Raises
        `OtherSpelling` when it has too many places or is not plain or not above 0."""
        whole, point, fraction = price.partition(".")
        missing = self.places - len(fraction)
        is_plain = whole == "0" or (whole.isdecimal() and whole[0] != "0")
        if missing < 0 or not is_plain or (point and not fraction.isdecimal()) or not price.strip("0."):
            raise OtherSpelling
        return f"{whole}.{fraction}{'0' * missing}" if missing else price

    def _is_worse(self, price: str, other: str) -> bool:
        return is_below(price, other) if self._is_bids else is_below(other, price)

    def _best_first(self) -> Iterator[WrittenLevel]:
        for price in self._ranked(self._near):
            yield price, self._near[price]
        if self._far or self._changes:
            far = self._far_quantities()
            for price in self._ranked(far):
                yield price, far[price]

    def _ranked(self, quantities: Iterable[str]) -> list[str]:
        """Return the prices, best first."""
        prices = sorted(quantities, reverse=self._is_bids)
        prices.sort(key=len, reverse=self._is_bids)
        return prices

    # --- near and far

    def _tidy(self) -> None:
        if len(self._near) > 2 * self._near_levels:
            self._move_away()
        if len(self._changes) > CHANGES_MAX:
            self._write(self._far_quantities())
        if self._near:
            self._best = self._best_of_near()
        elif self._far or self._changes:
            self._split(self._all())

    def _best_of_near(self) -> str:
        """Return the best price. The longest prices of the bids and the shortest of the asks come first."""
        length = (max if self._is_bids else min)(map(len, self._near))
        prices = [price for price in self._near if len(price) == length]
        return max(prices) if self._is_bids else min(prices)

    def _move_away(self) -> None:
        """Make the worse half of the near levels far ones."""
        ranked = self._ranked(self._near)
        self._changes.update((price, self._near.pop(price)) for price in ranked[self._near_levels :])
        self._bound = ranked[self._near_levels - 1]

    def _split(self, quantities: dict[str, str]) -> None:
        """Become these levels, the best of them near."""
        near = self._ranked(quantities)[: self._near_levels]
        self._near = {price: quantities.pop(price) for price in near}
        self._best = near[0] if near else None
        self._shown_depth = 0
        self._bound = near[-1] if quantities else ""
        self._write(quantities)

    def _all(self) -> dict[str, str]:
        return self._far_quantities() | self._near

    def _far_quantities(self) -> dict[str, str]:
        texts = iter(self._far.split(" ") if self._far else ())
        quantities = dict(zip(texts, texts, strict=True)) | self._changes
        for price, quantity in self._changes.items():
            if not quantity.strip("0."):
                del quantities[price]
        return quantities

    def _write(self, far: dict[str, str]) -> None:
        """Write the far levels into their text, but for the worst ones that nobody is shown."""
        room = max(0, self._levels_max - len(self._near))
        if len(far) > room + room // 4:
            far = {price: far[price] for price in self._ranked(far)[:room]}
        self._far = " ".join(chain.from_iterable(far.items()))
        self._changes = {}


def is_below(price: str, other: str) -> bool:
    """Whether one price is below another of the same book."""
    return price < other if len(price) == len(other) else len(price) < len(other)


def plain(value: Decimal) -> str:
    """Return the text of a number, with the places that it is written with."""
    text = str(value)
    return f"{value:f}" if "E" in text else text


def places_of(text: str) -> int:
    """Return the number of decimal places of a plain text."""
    point = text.find(".")
    return 0 if point < 0 else len(text) - point - 1


def with_places(text: str, places: int) -> str:
    """Write a plain text of at most `places` decimal places with exactly so many."""
    missing = places - places_of(text)
    if not missing:
        return text
    return f"{text}{'' if '.' in text else '.'}{'0' * missing}"
