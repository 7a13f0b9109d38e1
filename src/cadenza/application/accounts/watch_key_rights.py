"""Raise an alarm about keys that may withdraw."""

from cadenza.domain.accounts.credential import Credential
from cadenza.domain.ids import CredentialId
from cadenza.ports.alarms import Alarm, Alarms
from cadenza.ports.venue import KeyRights

CREDENTIALS_REMEMBERED_MAX = 10_000
"""For how many credentials this process remembers that their alarms sounded. The oldest is forgotten first, and then
its alarm may sound again."""


class WatchKeyRights:
    """A user may ask about a key as often as they like, and no number of such requests raises a second alarm: it sounds
    once for each credential in a process, and again only if its venue has said meanwhile that the key may not
    withdraw."""

    def __init__(self, *, alarms: Alarms) -> None:
        self._alarms = alarms
        self._alarmed: dict[CredentialId, None] = {}

    def look(self, credential: Credential, rights: KeyRights | None) -> None:
        """Take note of what the venue says about the credential's key; None: it does not state any rights."""
        if rights is None:
            return
        if not rights.may_withdraw:
            self._alarmed.pop(credential.id, None)
            return
        if credential.id in self._alarmed:
            return
        self._alarmed[credential.id] = None
        if len(self._alarmed) > CREDENTIALS_REMEMBERED_MAX:
            del self._alarmed[next(iter(self._alarmed))]
        facts = {"credential_id": credential.id, "venue": str(credential.venue_id)}
        self._alarms.sound(Alarm.KEY_MAY_WITHDRAW, facts)
