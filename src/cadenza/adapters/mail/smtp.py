"""Mail by SMTP, in a thread."""

import asyncio
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from cadenza.domain.identity.mail import Mail
from cadenza.ports.mail import MailUnavailable

TIMEOUT_S = 15.0
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """`is_tls` means TLS from the first byte. Otherwise STARTTLS is required, unless the server is on this machine."""

    host: str
    port: int
    is_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)
    sender: str

    @classmethod
    def from_url(cls, url: str, sender: str) -> "SmtpSettings":
        """Read `smtp://user:password@host:587` or `smtps://…:465`. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("expected smtp://user:password@host:port or smtps://…")
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            is_tls=parts.scheme == "smtps",
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            sender=sender,
        )


class SmtpMailer:
    """`ports.mail.Mailer` over the standard library. Certificates are checked, and no secret is sent unencrypted,
    except to a server on this machine."""

    keeps_text = False

    def __init__(self, settings: SmtpSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls or ssl.create_default_context()

    async def send(self, mail: Mail) -> None:
        """Raises `MailUnavailable`."""
        try:
            await asyncio.to_thread(self._deliver, self._message(mail))
        except (OSError, smtplib.SMTPException) as error:
            raise MailUnavailable(f"{self._settings.host}: {error}") from error

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=SMTP if mail.to.isascii() else SMTPUTF8)
        message["From"] = self._settings.sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(mail.created_at_ms / 1000, UTC))
        message["Message-ID"] = f"<{mail.id}@{self._settings.host}>"  # the same id when a mail is sent again
        message.set_content(mail.text)
        return message

    def _deliver(self, message: EmailMessage) -> None:
        smtp = self._connect()
        try:
            if self._settings.user:
                smtp.login(self._settings.user, self._settings.password)
            smtp.send_message(message)
        finally:
            with suppress(
                OSError, smtplib.SMTPException
            ):  # the mail was accepted, whatever happens while the connection closes
                smtp.quit()

    def _connect(self) -> smtplib.SMTP:
        host, port = self._settings.host, self._settings.port
        if self._settings.is_tls:
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=self._tls)
        smtp = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        try:
            smtp.ehlo()
            if smtp.has_extn("starttls"):
                smtp.starttls(context=self._tls)
            elif host not in ("localhost", "127.0.0.1", "::1"):
                raise smtplib.SMTPNotSupportedError("the server does not offer STARTTLS")
        except BaseException:  # whatever went wrong, the socket must be closed
            smtp.close()
            raise
        return smtp
