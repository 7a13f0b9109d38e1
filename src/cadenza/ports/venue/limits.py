"""How long the application waits for a connector, and how much it asks for at a time.

When the time of a call is over, the application cancels the call (asyncio cancellation) and goes on without it. What
must hold then stands at `ExecutionSession` (law of patience). The times of `submit` and `cancel` differ from venue to
venue: `VenueSpec.reply_ms_max`. The application sets no limit for `VenueConnector.stop`: the connector limits its own
requests there.
"""

CONNECTOR_START_MS_MAX = 30_000
"""For `VenueConnector.start`. A start that was cancelled leaves nothing open, and `start` is called again later."""

CATALOGUE_MS_MAX = 60_000
"""For `instruments` and `securities`: together when one is called after the other, and for each of them when it is
called alone."""

VERIFY_MS_MAX = 30_000
"""For `verify`. The caller of the use case then gets `VenueUnavailable`."""

BOOK_OPEN_MS_MAX = 10_000
"""For `open_book`, and for `close_book`; the calls of one book do not overlap. An `open_book` that fails or is
cancelled leaves no feed of the book, and is called again later."""

SESSION_OPEN_MS_MAX = 60_000
"""For `open_session`. Where the venue limits how many sessions an address opens, the call waits for its turn as well: 8
at a time, of which 5 may open in 15 s, wait for 30 s. A call that fails or is cancelled leaves nothing open: no stream,
no task, and nobody who still calls the sink. The application opens a session of the account again later."""

SESSION_CLOSE_MS_MAX = 10_000
"""For `ExecutionSession.close`. The session stops delivering before it waits for anything, so that nothing is delivered
even if the call is cancelled. The application does not call it again, but `VenueConnector.stop` may close the session
a second time."""

ANSWER_MS_MAX = 60_000
"""For one answer of the venue: one `lookup`, one `identify`, one `snapshot`, one piece of a `replay`. A whole replay
may take longer, as long as each piece comes in time."""

ORDERS_PER_LOOKUP_MAX = 100
"""Orders in one call of `lookup`. When a call raises `VenueUnavailable`, or does not answer within `ANSWER_MS_MAX`, the
application asks about half as many orders the next time, down to one. After an answer it asks about twice as many, up
to this limit. So a slow venue is not asked in vain for ever. If the venue takes fewer orders in one request, the
session makes several requests."""

REPORTED_WITHIN_MS = 60_000
"""How late a session may deliver what happened (the law of order of `SessionSink`). A replay begins this much earlier
than the instant up to which the news is complete. When a snapshot of the venue differs from our ledger, the difference
counts only if a second snapshot shows it too, at least this much later."""

COMPARED_WITHIN_MS = 45_000
"""A stream that has been silent for so long has been compared with a reading of the venue (the law of silence)."""

MARK_AGE_MS_MAX = 30_000
"""How old a mark price of a venue that publishes marks at fixed intervals may become. The application does not count:
it values positions at the last mark until `MarketSink.on_mark` brings another one or None, or the book is closed. So
the connector calls `on_mark` with None as soon as the feed of its marks breaks, and when it has brought none for this
long. The middle of the book counts from then on. A venue that publishes a mark only when it changes, as PAPER does, has
no age: its last mark holds while its feed is whole. While a book is stale, its mark is not used either."""
