"""How much waits for Centrifugo, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CentrifugoLimits:
    """The limits of publishing through Centrifugo. What happens at each is said beside it."""

    request_timeout_ms: int = 10_000
    """A request of the server API that takes longer has failed, and is made again."""
    accounts_per_round_max: int = 200
    """Accounts whose events are relayed in one transaction; the others come with the next."""
    events_per_account_max: int = 50
    """Events of an account relayed in one transaction."""
    relay_poll_ms: int = 1_000
    """Pause between two looks at the logs when nothing woke the relay."""
    retry_ms_min: int = 100
    retry_ms_max: int = 5_000
    """The pause after a failure doubles from the one to the other."""
    trades_waiting_max: int = 10_000
    """Trades that wait while Centrifugo does not answer; beyond it the oldest are dropped, and counted."""
    portfolios_waiting_max: int = 10_000
    """Portfolios that wait, one an account; one more replaces the oldest."""
    portfolios_per_request_max: int = 20
    """Portfolios in one request, which may be long ones; the others come with the next."""
    books_waiting_max: int = 2_000
    """Books that wait, one an instrument; one more replaces the oldest."""
    commands_per_request_max: int = 500
    """Publications of the market in one request; the others come with the next."""
    audience_poll_ms: int = 5_000
    """Pause between two looks at which channels have subscribers."""
    audience_grace_ms: int = 60_000
    """Trades, books and portfolios are published on a channel for so long after the last look that saw a subscriber: a
    client that comes back sooner misses no trade."""
