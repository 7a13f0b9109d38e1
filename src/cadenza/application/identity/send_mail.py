"""The job that empties the outbox."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cadenza.domain.identity.mail import MailId, MailStatus
from cadenza.ports.clock import Clock
from cadenza.ports.mail import Mailer
from cadenza.ports.storage import Storage


class SendMail:
    """Sends a mail of the outbox. A crash between sending it and recording that sends it a second time."""

    def __init__(self, *, storage: Storage, mailer: Mailer, clock: Clock) -> None:
        self._storage = storage
        self._mailer = mailer
        self._clock = clock

    async def __call__(self, payload: Mapping[str, Any]) -> None:
        """Raises `MailUnavailable`, so that the job is tried again."""
        mail_id = MailId(UUID(payload["mail_id"]))
        async with self._storage.read() as uow:
            mail = await uow.identity.get_mail(mail_id)
        if mail is None or mail.status is MailStatus.SENT:
            return
        await self._mailer.send(mail)
        async with self._storage.begin() as uow:
            await uow.identity.mark_mail_sent(mail_id, self._clock.now_ms(), keeps_text=self._mailer.keeps_text)
            await uow.commit()
