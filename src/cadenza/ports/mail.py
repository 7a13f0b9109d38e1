"""Sending mail."""

from typing import Protocol

from cadenza.domain.identity.mail import Mail


class MailUnavailable(Exception):
    """The mail was not taken over; trying again later may work."""


class Mailer(Protocol):
    """Law: a return means that somebody has taken the mail over; anything else raises `MailUnavailable`. Called by the
    job `mail.send` only, which may repeat a mail after a crash: better twice than never."""

    keeps_text: bool
    """Whether the outbox row must go on showing the text (nobody else will), secrets in it included."""

    async def send(self, mail: Mail) -> None: ...
