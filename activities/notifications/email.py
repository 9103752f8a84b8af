"""E-mail over SMTP."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

import aiosmtplib
from pydantic import TypeAdapter
from sqlalchemy import select

from core.alerts.attempts import Attempt, Result
from core.alerts.mail import mail_of
from core.alerts.messages import Notification
from core.changes.diff import TextDifference
from core.settings import Settings, SmtpTls
from store.db.engine import Database
from store.tables.alerts import Channel
from store.tables.changes import Change

SMTP_TIMEOUT: Final = timedelta(seconds=60)
"""For a whole mail."""

MAX_DIFFERENCES: Final = 100
"""Differences that one mail is made of."""

STORED_DIFFERENCE = TypeAdapter(TextDifference)


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
    """Sends mails through `server`, each over a connection of its own."""

    def __init__(self, database: Database, server: SmtpServer | None) -> None:
        self._database = database
        self._server = server

    async def send(
        self, channel: Channel, message: Notification, change_ids: Sequence[UUID]
    ) -> Attempt:
        """Send `message` to the addresses of the channel; how it ended."""
        if self._server is None:
            return Attempt(Result.FAILED, "DIFFY_SMTP_HOST and DIFFY_SMTP_FROM are not set.")
        server, recipients = self._server, channel.target["to"]
        async with self._database.reading() as session:
            rows = await session.execute(
                select(Change.id, Change.diff).where(Change.id.in_(change_ids[:MAX_DIFFERENCES]))
            )
            differences = {
                change_id: STORED_DIFFERENCE.validate_python(diff) for change_id, diff in rows
            }
        mail = mail_of(
            message,
            differences,
            channel_id=channel.id,
            sender=server.sender,
            recipients=recipients,
        )
        try:
            async with asyncio.timeout(SMTP_TIMEOUT.total_seconds()):
                refused, answer = await aiosmtplib.send(
                    mail,
                    recipients=recipients,
                    hostname=server.host,
                    port=server.port,
                    username=server.username,
                    password=server.password,
                    use_tls=server.tls is SmtpTls.TLS,
                    start_tls=server.tls is SmtpTls.STARTTLS,
                    timeout=SMTP_TIMEOUT.total_seconds(),
                )
        except TimeoutError:
            seconds = SMTP_TIMEOUT.total_seconds()
            return Attempt(Result.FAILED, f"{server.host} took longer than {seconds:g} s.")
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = sorted({each.code for each in error.recipients})
            return Attempt(Result.FAILED, f"{server.host} refused all recipients: {codes}.")
        except aiosmtplib.SMTPResponseException as error:
            return Attempt(Result.FAILED, _plain(f"{error.code} {error.message}"))
        except (aiosmtplib.SMTPException, OSError) as error:
            return Attempt(Result.FAILED, f"{server.host}: {type(error).__name__}.")
        # Who was not refused has the mail: to send it again would tell them twice.
        some = f" ({len(refused)} of {len(recipients)} recipients refused)" if refused else ""
        return Attempt(Result.DELIVERED, _plain(answer) + some)


def _plain(answer: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in answer)[:200]
