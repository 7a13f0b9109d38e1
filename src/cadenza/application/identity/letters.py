"""The mails to users, and how they get into the outbox."""

import hashlib
from base64 import urlsafe_b64encode

from cadenza.domain.identity.mail import Mail, MailId, MailStatus
from cadenza.ports.clock import Clock
from cadenza.ports.ids import Ids
from cadenza.ports.storage import UnitOfWork

MAIL_JOB = "mail.send"
_TOKEN_BYTES = 32


class Letters:
    """Writes mail into the caller's transaction, together with the job that will send it."""

    def __init__(self, *, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    async def recovery(self, uow: UnitOfWork, to: str, token: str, ttl_ms: int) -> None:
        await self._write(
            uow,
            to,
            "Reset your Cadenza password",
            f"Somebody, hopefully you, asked to reset the password of {to}.\n\n"
            f"The one-time token, good for {_duration(ttl_ms)}:\n\n    {token}\n\n"
            f"Use it with: cadenza user reset-password --token {token}\n\n"
            "If it was not you, do nothing: the password stays as it is.\n",
        )

    async def invitation(self, uow: UnitOfWork, to: str, token: str, ttl_ms: int) -> None:
        await self._write(
            uow,
            to,
            "You are invited to Cadenza",
            f"{to} is invited to sign up.\n\n"
            f"The invitation, good once and for {_duration(ttl_ms)}:\n\n    {token}\n\n"
            'Send it as `"metadata": {"invitation": "…"}` when you sign up with this e-mail address.\n',
        )

    async def password_changed(self, uow: UnitOfWork, to: str) -> None:
        await self._write(
            uow,
            to,
            "Your Cadenza password was changed",
            f"The password of {to} was changed, and all other log-ins were ended.\n\n"
            "If it was not you, reset it now and inform your administrator.\n",
        )

    async def email_changed(self, uow: UnitOfWork, to: str, new_email: str) -> None:
        await self._write(
            uow,
            to,
            "Your Cadenza e-mail address was changed",
            f"Your user has the e-mail address {new_email} from now on, instead of {to}.\n\n"
            "If it was not you, inform your administrator at once.\n",
        )

    async def _write(self, uow: UnitOfWork, to: str, subject: str, text: str) -> None:
        mail = Mail(
            id=MailId(self._ids.new()),
            to=to,
            subject=subject,
            text=text,
            status=MailStatus.PENDING,
            created_at_ms=self._clock.now_ms(),
        )
        await uow.identity.add_mail(mail)
        await uow.jobs.enqueue(MAIL_JOB, {"mail_id": str(mail.id)})


def new_token(ids: Ids) -> tuple[str, bytes]:
    """Return a token to mail, and the digest to store."""
    token = urlsafe_b64encode(ids.token(_TOKEN_BYTES)).rstrip(b"=").decode()
    return token, digest_of(token)


def digest_of(token: str) -> bytes:
    """Return the stored digest of a one-time token. The token is random, so a plain hash is enough."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _duration(ttl_ms: int) -> str:
    hours = ttl_ms // 3_600_000
    return f"{hours // 24} days" if hours >= 48 else f"{max(1, hours)} hour{'s' if hours > 1 else ''}"
