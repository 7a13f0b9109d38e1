"""Raise alarms about keys that may do too much or too little: withdraw, or not trade at all."""

from cadenza.domain.accounts.credential import Credential
from cadenza.domain.ids import CredentialId
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.venue import KeyRights

CREDENTIALS_REMEMBERED_MAX = 10_000
"""For how many alarms of credentials this process remembers that they sounded. The oldest is forgotten first, and then
it may sound again."""


class WatchKeyRights:
    """A user may ask about a key as often as they like, and no number of such requests raises a second alarm: each kind
    sounds once for each credential in a process, and again only if its venue has said meanwhile that the cause is
    gone."""

    def __init__(self, *, alarms: Alarms) -> None:
        self._alarms = alarms
        self._alarmed: dict[tuple[CredentialId, Alarm], None] = {}

    def look(self, credential: Credential, rights: KeyRights | None) -> None:
        """Take note of what the venue says about the credential's key; None: it does not state any rights."""
        if rights is None:
            return
        self._sound_or_forget(credential, Alarm.KEY_MAY_WITHDRAW, is_due=rights.may_withdraw)
        self._sound_or_forget(credential, Alarm.KEY_MAY_NOT_TRADE, is_due=not rights.may_trade)

    def _sound_or_forget(self, credential: Credential, alarm: Alarm, *, is_due: bool) -> None:
        name = credential.id, alarm
        if not is_due:
            self._alarmed.pop(name, None)
            return
        if name in self._alarmed:
            return
        self._alarmed[name] = None
        if len(self._alarmed) > CREDENTIALS_REMEMBERED_MAX:
            del self._alarmed[next(iter(self._alarmed))]
        self._alarms.sound(alarm, {"credential_id": credential.id, "venue": str(credential.venue_id)})
