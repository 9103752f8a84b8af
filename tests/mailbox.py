"""A real SMTP server on loopback, in the test's own event loop."""

import asyncio
import email
import ssl
from email import policy
from email.message import EmailMessage
from typing import Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.eventually import eventually


class Mailbox:
    """Keeps what it accepts; answers mails with each of `answers` first, if there are any, and
    refuses the recipients of `refused` with theirs.

    With `tls` it speaks TLS, from the start or, with `starttls`, once it is asked to, and not
    before. With `login`, a name and a password, nobody else may send.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        starttls: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.refused: dict[str, str] = {}
        self._tls = tls
        self._starttls = starttls
        self._login = login
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.answers: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(
                self,
                loop=loop,
                enable_SMTPUTF8=True,
                tls_context=self._tls if self._starttls else None,
                require_starttls=self._starttls,
                auth_required=self._login is not None,
                # It does not see the TLS that a connection begins with.
                auth_require_tls=self._starttls,
                authenticator=self._authenticated,
            ),
            "127.0.0.1",
            0,
            ssl=None if self._starttls else self._tls,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _authenticated(
        self, _: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        right = self._login == (given.login.decode(), given.password.decode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Somebody is to have a mail; the answer to that."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

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
