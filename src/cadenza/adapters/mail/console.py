"""Mail without a mail server: printed, and kept in the outbox."""

import sys
from typing import TextIO

from cadenza.domain.identity.mail import Mail


class ConsoleMailer:
    """`ports.mail.Mailer` for the laptop. The outbox row keeps its text: `cadenza user mails` shows it again."""

    keeps_text = True

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    async def send(self, mail: Mail) -> None:
        rule = "-" * 72
        text = f"{rule}\nTo: {mail.to}\nSubject: {mail.subject}\n\n{mail.text}{rule}\n"
        out = self._out or sys.stdout
        out.write(text)
        out.flush()
