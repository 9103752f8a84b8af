"""A real SMTP server on loopback, in the test's own event loop."""

import asyncio
import email
from email import policy
from email.message import EmailMessage
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.eventually import eventually


class Mailbox:
    """Keeps what it accepts; answers mails with each of `answers` first, if there are any."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.answers: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A mail has arrived; the answer to it."""
        answer = self.answers.pop(0) if self.answers else "250 Message accepted for delivery"
        if not answer.startswith("2"):
            return answer
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.envelopes.append(envelope)
        self.mails.append(mail)
        return answer

    async def got(self, count: int) -> list[EmailMessage]:
        """The mails, once there are so many."""

        async def seen() -> list[EmailMessage]:
            return self.mails

        return await eventually(seen, lambda mails: len(mails) >= count)


def part_of(mail: EmailMessage, kind: str) -> str:
    """The text of the part of that kind, `plain` or `html`."""
    body = mail.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content
