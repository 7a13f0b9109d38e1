"""Mail to users."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType
from uuid import UUID

MailId = NewType("MailId", UUID)


class MailStatus(StrEnum):
    PENDING = "PENDING"
    SENT = "SENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail in the outbox. `text` may hold a one-time token; it is emptied when the mail has been sent, unless nothing
    else shows the text (`Mailer.keeps_text`)."""

    id: MailId
    to: str
    subject: str
    text: str = field(repr=False)
    status: MailStatus
    created_at_ms: int
    sent_at_ms: int | None = None
