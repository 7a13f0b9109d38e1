"""What an account's owner sets at a venue, and may change there while the account is connected."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from cadenza.adapters.venues.kit.reply_outcome import ReplyOutcome
from cadenza.adapters.venues.kit.session_life import SessionLife
from cadenza.domain.accounts.trading_account import ExternalAccount, PositionMode, TradingAccount
from cadenza.domain.errors import CadenzaError
from cadenza.ports.clock import Clock

READ_AGAIN_MS = 5_000
"""How long after a reading of the settings there is no other one."""


class AccountSettingsCheck:
    """Compares an account's settings with those that it was connected with.

    Law: while the position mode at the venue is another one, the session sends no new order, because an order would
    open a position where it should close one. It cancels, reads and reports as before. An account that the key does not
    reach any more, or whose type it does not trade any more, ends the session. The settings are read when the session
    opens (`reached`), and by `doubt`.
    """

    def __init__(
        self,
        account: TradingAccount,
        reached: ExternalAccount,
        read: Callable[[], Awaitable[ExternalAccount]],
        life: SessionLife,
        clock: Clock,
    ) -> None:
        """`read` returns the account as the key reaches it now, and raises `CredentialRejected` and
        `VenueUnavailable`."""
        self._account = account
        self._venue = account.venue_id.venue.value
        self._read = read
        self._life = life
        self._clock = clock
        self._read_ms: int | None = None
        self._difference = self._compared(reached)
        life.new_orders.barred_by = self._why_barred

    def doubt(self) -> None:
        """Read the settings again: the venue has refused an order in words that other settings would explain."""
        now_ms = self._clock.monotonic_ms()
        if self._read_ms is None or now_ms - self._read_ms >= READ_AGAIN_MS:
            self._read_ms = now_ms
            self._life.spawn(self._read_again())

    def explained(self, outcome: ReplyOutcome) -> ReplyOutcome:
        """Return the refusal of an order whose words another position mode explains, with both modes beside them. The
        settings are read again: until then the mode is not known for certain."""
        self.doubt()
        known = self._account.position_mode
        (other,) = (mode for mode in PositionMode if mode is not known)
        why = (
            f"the position mode at {self._venue} may be {other.value} now; the account was connected with {known.value}"
        )
        return replace(outcome, text=f"{outcome.text}: {why}")

    def _why_barred(self) -> str | None:
        """Return why no new order is sent. The settings are read again then, because their owner may have set them
        back."""
        if self._difference is not None:
            self.doubt()
        return self._difference

    async def _read_again(self) -> None:
        try:
            self._difference = self._compared(await self._read())
        except CadenzaError as error:
            await self._life.on_refused_reading(error)

    def _compared(self, reached: ExternalAccount) -> str | None:
        known, found = self._account.position_mode, reached.position_mode or PositionMode.NETTING
        if known is found:
            return None
        return (
            f"the position mode at {self._venue} is {found.value}, and the account was connected with {known.value}: "
            "set it back, or disconnect the account and connect it again"
        )
