"""E-mail over SMTP."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from typing import Final
from uuid import UUID

import aiosmtplib

from activities.http.failures import tls_problem
from activities.notifications.outgoing import Outgoing
from core.alerts.attempts import Attempt, Result
from core.alerts.mail import mail_of
from core.alerts.unsubscribing import unsubscribe_token
from core.errors import DiffyError
from core.settings import Settings, SmtpTls
from store.db.engine import Database
from store.secretkey import SecretKey
from store.tables.alerts import Channel
from store.told_changes import differences_of

SMTP_TIMEOUT: Final = timedelta(seconds=60)
"""For all mails about one message."""

PERMANENT: Final = 500
"""From this code on, an answer of a mail server is for good (RFC 5321, 4.2.1)."""

MAX_DIFFERENCES: Final = 100
"""Differences that one mail is made of."""


@dataclass(frozen=True)
class SmtpServer:
    """The operator's mail server."""

    host: str
    port: int
    tls: SmtpTls
    sender: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "SmtpServer | None":
        """The server of the settings; None if there is none."""
        if settings.smtp_host is None or settings.smtp_from is None:
            return None
        return cls(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_tls,
            settings.smtp_from,
            settings.smtp_username,
            settings.smtp_password,
        )


class Mailer:
    """Sends mails through `server`. `public_url` is where their links to unsubscribe lead."""

    def __init__(
        self,
        database: Database,
        server: SmtpServer | None,
        secret_key: SecretKey,
        public_url: str,
    ) -> None:
        self._database = database
        self._server = server
        self._secret_key = secret_key
        self._public_url = public_url

    async def send(self, channel: Channel, outgoing: Outgoing) -> Attempt:
        """Send the message to each address of the channel that does not have it, over one
        connection; how it ended.

        Each address gets a mail of its own, under the same id, with its own link to unsubscribe.
        The attempt has failed as long as somebody is left who may be told later.
        """
        if self._server is None:
            return Attempt(Result.FAILED, "DIFFY_SMTP_HOST and DIFFY_SMTP_FROM are not set.")
        server = self._server
        async with self._database.reading() as session:
            differences = await differences_of(session, outgoing.change_ids[:MAX_DIFFERENCES])
        mails = {
            address: mail_of(
                outgoing.message,
                differences,
                channel_id=channel.id,
                sender=server.sender,
                recipient=address,
                unsubscribe_url=self._unsubscribe_url(channel.id, address),
            )
            for address in channel.target["to"]
            if address not in outgoing.told
        }
        told: list[str] = []
        try:
            async with (
                asyncio.timeout(SMTP_TIMEOUT.total_seconds()),
                aiosmtplib.SMTP(
                    hostname=server.host,
                    port=server.port,
                    username=server.username,
                    password=server.password,
                    use_tls=server.tls is SmtpTls.TLS,
                    start_tls=server.tls is SmtpTls.STARTTLS,
                    timeout=SMTP_TIMEOUT.total_seconds(),
                ) as client,
            ):
                return await _sent(client, mails, told, is_told=bool(outgoing.told))
        except TimeoutError:
            seconds = SMTP_TIMEOUT.total_seconds()
            answer = f"{server.host} took longer than {seconds:g} s."
        except aiosmtplib.SMTPResponseException as error:
            answer = _plain(f"{error.code} {error.message}")
        except (aiosmtplib.SMTPException, OSError) as error:
            problem = tls_problem(error)
            answer = f"{server.host}: {problem or type(error).__name__}."
        return Attempt(Result.FAILED, answer, told=tuple(told))

    def _unsubscribe_url(self, channel_id: UUID, address: str) -> str | None:
        """The link for one address; None where there is no key to prove it with."""
        try:
            box = self._secret_key.for_sealing()
        except DiffyError:
            return None
        return f"{self._public_url}/unsubscribe/{unsubscribe_token(box, channel_id, address)}"


async def _sent(
    client: aiosmtplib.SMTP,
    mails: Mapping[str, EmailMessage],
    told: list[str],
    *,
    is_told: bool,
) -> Attempt:
    """How it ended. Whose mail was accepted is added to `told`, at once: whatever becomes of the
    others, to send it again would tell them twice. `is_told` says that others have it already.
    """
    answer = "Nobody is left to tell." if is_told else "The channel has no recipients."
    refused: list[aiosmtplib.SMTPResponseException] = []
    for address, mail in mails.items():
        try:
            _, accepted = await client.send_message(mail, recipients=[address])
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused += error.recipients
        except aiosmtplib.SMTPResponseException as error:
            refused.append(error)
        else:
            told.append(address)
            answer = _plain(accepted)
    for_now = [each for each in refused if each.code < PERMANENT]
    has_it = is_told or bool(told)
    if refused and (for_now or not told):
        last = (for_now or refused)[-1]
        answer = _plain(f"{last.code} {last.message}")
    if refused and has_it:
        answer += f" ({len(refused)} of {len(mails)} recipients refused)"
    ended = Result.DELIVERED if has_it and not for_now else Result.FAILED
    return Attempt(ended, answer, told=tuple(told))


def _plain(answer: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in answer)[:200]
