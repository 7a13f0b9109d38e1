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
    Capability.RESTING_FILLS: "the suite cannot make an order that rests there fill",
    Capability.REPLY_LOSS: "the suite cannot lose a reply after the order arrived",
    Capability.REQUEST_LOSS: "the suite cannot lose a request before it arrives",
    Capability.RESTART: "the suite cannot kill the connector and start it again",
    Capability.FEED_BREAK: "the suite cannot make the feed of a book break",
    Capability.BURIES: "the venue does not keep an order that it does not know from arriving later",
    Capability.MATCHING: "no matching engine with a book and money stands behind the venue",
    Capability.MARKET_DATA: "the venue has no feeds of books and trades",
    Capability.STREAM_BREAK: "there is no connection of an account that could break",
    Capability.ODD_TEXT: "there is no text between the venue and its connector that could be unreadable",
    Capability.ONE_ORDER_PER_ID: (
        "the case submits an order again after a restart; the venue takes an id again and would execute it twice, so "
        "the platform sends no order twice"
    ),
    Capability.POSITIONS: "a fill moves the base and the quote asset, and makes no position",
    Capability.SILENCE: "there is no connection of an account that could fall silent",
    Capability.CORRECTIONS: "no message there takes an execution back, or changes it",
    Capability.LATE_FEES: "an execution is reported with its fee",
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
