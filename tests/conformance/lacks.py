"""Why a case does not run at a venue: what the venue, or the suite there, lacks of what the case needs."""

from collections.abc import Mapping, Sequence

from tests.conformance.harness import Capability, Needed, VenueUnderTest
from tests.conformance.needs import (
    NeedOfAccount,
    believes_balances,
    has_balances,
    has_lookup,
    has_news,
    has_proof,
    has_replay,
    keeps_books,
)

LACKS: Mapping[Needed, str] = {
    Capability.RESTING_FILLS: "an order that rests cannot be made to fill",
    Capability.REPLY_LOSS: "no reply can be lost after the order arrived",
    Capability.REQUEST_LOSS: "no request can be lost before it arrives",
    Capability.RESTART: "the connector cannot be killed and started again",
    Capability.FEED_BREAK: "the feed of a book cannot be made to break",
    Capability.MARGIN: "the suite trades one kind of instrument there, and no perpetual beside it",
    Capability.BURIES: "the venue does not keep an order that it does not know from arriving later",
    Capability.MATCHING: "no matching engine with a book and money stands behind the venue",
    Capability.MARKET_DATA: "the venue has no feeds of books and trades",
    Capability.STREAM_BREAK: "the stream of an account cannot be made to break",
    Capability.ODD_TEXT: "the venue cannot be made to say something that its connector cannot read",
    Capability.ONE_ORDER_PER_ID: "the venue takes an id again",
    Capability.MOVES_ASSETS: "a fill makes a position, and does not move the base and the quote asset",
    Capability.ENDS_SOON: "a GTD order cannot end within seconds",
    Capability.SILENCE: "the stream of an account cannot be made to fall silent",
    Capability.CORRECTIONS: "the venue cannot be made to take an execution back, or to change it",
    Capability.LATE_FEES: "the venue cannot be made to charge the fee of a fill later",
    has_balances: "the venue does not show balances and positions",
    has_lookup: "the venue cannot be asked about one order",
    has_proof: "asking cannot prove that an order never arrived",
    believes_balances: "a balance that the session reports does not replace the one that is known",
    keeps_books: "our ledger keeps balances and positions, so the venue's word of them is not the truth",
    has_news: "the session does not report by itself what happens",
    has_replay: "the venue cannot be asked what happened",
}
"""Of each need that every account of a venue meets or does not; a need of an account has its words itself."""


def missing_at(venue: VenueUnderTest, needed: Sequence[Needed]) -> list[str]:
    """Return what the venue under test lacks of what a case needs, in words."""
    spec = venue.connector.spec
    capabilities = {each for each in needed if isinstance(each, Capability)}
    missing = [LACKS[each] for each in sorted(capabilities - venue.capabilities)]
    for each in needed:
        if isinstance(each, NeedOfAccount):
            missing += [] if each.is_met(spec, venue.account_type, venue.kind) else [each.lack]
        elif not isinstance(each, Capability):
            missing += [] if each(spec) else [LACKS[each]]
    return missing
