"""Mail goes out whole, in the clear to nobody but this machine, and a refusal is said."""

import asyncio
import io
import uuid
from collections.abc import AsyncIterator
from email import message_from_bytes, policy

import pytest

from cadenza.adapters.mail.console import ConsoleMailer
from cadenza.adapters.mail.smtp import SmtpMailer, SmtpSettings
from cadenza.domain.identity.mail import Mail, MailId, MailStatus
from cadenza.ports.mail import MailUnavailable

MAIL = Mail(
    id=MailId(uuid.UUID(int=5)),
    to="ann@example.com",
    subject="Prüfung",
    text="Line one\n.a line that begins with a dot\nüñí\n",
    status=MailStatus.PENDING,
    created_at_ms=1_800_000_000_000,
)


class SmtpServer:
    """Speaks as much SMTP as a client without TLS needs. `refuses` is a command that is answered 550."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.message = b""
        self.refuses = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            command = line.decode().strip()
            self.commands.append(command)
            verb = command.split(" ")[0].upper()
            if verb == self.refuses:
                writer.write(b"550 no\r\n")
            elif verb == "EHLO":
                writer.write(b"250-here\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n")
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.message = (await reader.readuntil(b"\r\n.\r\n")).replace(b"\r\n..", b"\r\n.")
                writer.write(b"250 taken\r\n")
            else:
                writer.write(b"250 fine\r\n")
            if verb == "QUIT":
                break
        writer.close()


@pytest.fixture
async def smtp() -> AsyncIterator[tuple[SmtpServer, SmtpMailer]]:
    server = SmtpServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    yield server, SmtpMailer(SmtpSettings.from_url(f"smtp://127.0.0.1:{port}", "Cadenza <house@example.com>"))
    listening.close()


async def test_a_mail_arrives_as_it_was_written(smtp: tuple[SmtpServer, SmtpMailer]) -> None:
    server, mailer = smtp
    await mailer.send(MAIL)
    message = message_from_bytes(server.message, policy=policy.default)
    assert (message["To"], message["Subject"], message["From"]) == (
        MAIL.to,
        MAIL.subject,
        "Cadenza <house@example.com>",
    )
    assert message["Message-ID"] == f"<{MAIL.id}@127.0.0.1>"
    content = message.get_content().replace("\r\n", "\n")
    assert content.startswith(MAIL.text)
    assert not mailer.keeps_text


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_refusal_is_said(smtp: tuple[SmtpServer, SmtpMailer], verb: str) -> None:
    server, mailer = smtp
    server.refuses = verb
    if verb == "EHLO":
        server.refuses = "MAIL"
    with pytest.raises(MailUnavailable):
        await mailer.send(MAIL)


async def test_nobody_listening_is_said() -> None:
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    with pytest.raises(MailUnavailable):
        await SmtpMailer(SmtpSettings.from_url(f"smtp://127.0.0.1:{port}", "x@example.com")).send(MAIL)


async def test_without_starttls_another_machine_gets_nothing(
    smtp: tuple[SmtpServer, SmtpMailer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, mailer = smtp
    settings = SmtpSettings(
        host="127.0.0.2", port=mailer._settings.port, is_tls=False, user="u", password="p", sender="x@example.com"
    )
    listening = await asyncio.start_server(server.serve, "127.0.0.2", settings.port)
    with pytest.raises(MailUnavailable, match="STARTTLS"):
        await SmtpMailer(settings).send(MAIL)
    assert not any(command.startswith(("AUTH", "MAIL", "DATA")) for command in server.commands)
    listening.close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 587, False, "", "")),
        ("smtps://u%40x:p%2Fw@mail.example", ("mail.example", 465, True, "u@x", "p/w")),
        ("smtp://u:p@mail.example:25", ("mail.example", 25, False, "u", "p")),
    ],
)
def test_a_url_is_read(url: str, expected: tuple[object, ...]) -> None:
    settings = SmtpSettings.from_url(url, "x@example.com")
    assert (settings.host, settings.port, settings.is_tls, settings.user, settings.password) == expected
    assert "p/w" not in repr(settings)


@pytest.mark.parametrize("url", ["", "http://mail.example", "smtp://", "mail.example:25"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected smtp"):
        SmtpSettings.from_url(url, "x@example.com")


async def test_without_a_server_mail_is_printed_and_kept() -> None:
    out = io.StringIO()
    mailer = ConsoleMailer(out)
    await mailer.send(MAIL)
    assert MAIL.text in out.getvalue()
    assert MAIL.to in out.getvalue()
    assert mailer.keeps_text
