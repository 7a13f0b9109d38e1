"""Sending mail."""

from typing import Protocol

from cadenza.domain.identity.mail import Mail


class MailUnavailable(Exception):
    """The mail was not accepted for delivery. A later try may succeed."""


class Mailer(Protocol):
    """Law: when `send` returns, a server (or the console) has accepted the mail; otherwise it raises `MailUnavailable`.
    Only the job `mail.send` calls it. After a crash the job may send a mail a second time, which is better than
    never."""

    keeps_text: bool
    """Whether the outbox must keep the text, including secrets in it, because nothing else shows it."""

    async def send(self, mail: Mail) -> None: ...
