"""`diffy doctor`: the state of every part of an installation in words, and what to do.

It changes nothing: it runs no migration, adds no search attribute, creates no file.
"""

import asyncio
import resource
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from core.errors import DiffyError, SecretsUnreadable, Unavailable
from core.health import Part, Status, Verdict
from core.settings import Settings
from store.db.engine import Database, parse_url
from store.disk import data_folders, disk_verdict
from store.outbox import oldest_due
from store.secretkey import SecretKey
from temporal.certificates import certificate_problem
from temporal.connection import BRIEF_RETRIES, connect
from temporal.readiness import database_verdicts, temporal_verdicts

CONNECT_TIMEOUT: Final = 3.0
"""Seconds for a connection to Temporal, the mail server or the API."""

ENOUGH_FILES: Final = 1024
"""Files that a process should be able to open: connections of clients and of the crawler."""

OVERDUE: Final = timedelta(minutes=2)
"""A message of the outbox that is late by more than this is not being delivered."""


class Level(StrEnum):
    """How serious a finding is. Only `FAILED` makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Finding:
    """One line: about what, how serious, what was found, what to do."""

    subject: str
    level: Level
    detail: str
    advice: str = ""


SUBJECTS: Final = {
    Part.TEMPORAL: "Temporal",
    Part.SEARCH_ATTRIBUTES: "search attributes",
    Part.WORKERS: "workers",
    Part.DATABASE: "database",
    Part.SCHEMA: "schema",
    Part.DISK: "disk space",
}


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Every finding, as soon as it is known. Raises SettingsError for a wrong database URL."""
    yield _open_files()
    yield _of(disk_verdict(data_folders(settings)))
    async for finding in _database(settings):
        yield finding
    yield _secret_key(settings)
    async for finding in _temporal(settings):
        yield finding
    yield await asyncio.to_thread(_api, settings)
    for finding in await asyncio.to_thread(lambda: list(_mail(settings))):
        yield finding


def _of(verdict: Verdict) -> Finding:
    level = Level.OK if verdict.status is Status.OK else Level.FAILED
    return Finding(SUBJECTS[verdict.part], level, verdict.detail, verdict.advice)


def _open_files() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return Finding("open files", Level.OK, "A process may open any number of files.")
    detail = f"A process may open {soft} files."
    if soft < ENOUGH_FILES:
        advice = f"Raise the limit to {ENOUGH_FILES} or more: ulimit -n {ENOUGH_FILES}."
        return Finding("open files", Level.WARNING, detail, advice)
    return Finding("open files", Level.OK, detail)


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    if missing := _missing_file(settings):
        yield Finding(
            "database",
            Level.FAILED,
            f"There is no file {missing} yet.",
            "Start `diffy up`, which creates it; or correct DIFFY_DATA_DIR or DIFFY_DATABASE_URL.",
        )
        return
    database = Database.open(settings.resolved_database_url)
    try:
        verdicts = await database_verdicts(database)
        for verdict in verdicts:
            yield _of(verdict)
        if all(each.status is Status.OK for each in verdicts):
            yield await _outbox(database)
    finally:
        await database.close()


def _missing_file(settings: Settings) -> str | None:
    """The file of the SQLite database, if it does not exist. To connect would create it."""
    url = parse_url(settings.resolved_database_url)
    if url.get_backend_name() != "sqlite" or not url.database or Path(url.database).exists():
        return None
    return url.database


async def _outbox(database: Database) -> Finding:
    async with database.reading() as session:
        due_at = await oldest_due(session)
    late = timedelta() if due_at is None else datetime.now(UTC) - due_at
    if late <= OVERDUE:
        return Finding("outbox", Level.OK, "Nothing waits that Temporal should have been told.")
    return Finding(
        "outbox",
        Level.WARNING,
        f"A message to Temporal is late by {late.total_seconds() / 60:.0f} minutes.",
        "A worker delivers it: start one, or read its log.",
    )


def _secret_key(settings: Settings) -> Finding:
    key = SecretKey(settings)
    try:
        key.for_opening()
    except SecretsUnreadable:
        if settings.database_url is None:
            return Finding("secret key", Level.OK, "None yet; it is created when it is needed.")
        return Finding(
            "secret key",
            Level.WARNING,
            "DIFFY_SECRET_KEY is not set: crawl settings with headers and cookies, and channels, "
            "are refused.",
            "Set it to 32 or more random characters, the same on every machine.",
        )
    except DiffyError as error:
        return Finding("secret key", Level.FAILED, error.message, "Restore it from your backup.")
    return Finding("secret key", Level.OK, "It can be read.")


async def _temporal(settings: Settings) -> AsyncIterator[Finding]:
    try:
        client = await connect(settings, retries=BRIEF_RETRIES, patience=CONNECT_TIMEOUT)
    except Unavailable as error:
        advice = (
            "Start `diffy up`, which runs it."
            if settings.temporal_address is None
            else "Start it, or correct TEMPORAL_ADDRESS and the TEMPORAL_TLS_* variables."
        )
        address = settings.temporal_address
        problem = await asyncio.to_thread(certificate_problem, address) if address else None
        if problem is not None:
            advice = "Renew the certificate, or correct the TEMPORAL_TLS_* variables."
        detail = f"{error.message} {problem}" if problem else error.message
        yield Finding("Temporal", Level.FAILED, detail, advice)
        return
    for verdict in await temporal_verdicts(client):
        yield _of(verdict)


def _api(settings: Settings) -> Finding:
    host = settings.api_host
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    origin = f"http://[{host}]" if ":" in host else f"http://{host}"
    url = f"{origin}:{settings.api_port}/healthz"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=CONNECT_TIMEOUT):
            return Finding("API", Level.OK, f"It answers at {origin}:{settings.api_port}.")
    except OSError as error:
        reason = getattr(error, "reason", error)
        return Finding(
            "API",
            Level.WARNING,
            f"Nothing answers at {url} ({reason}).",
            "Start `diffy up` or `diffy api`, if this machine is to serve it.",
        )


def _mail(settings: Settings) -> Iterator[Finding]:
    if settings.smtp_host is None:
        return
    address = (settings.smtp_host, settings.smtp_port)
    try:
        with socket.create_connection(address, CONNECT_TIMEOUT):
            yield Finding("mail server", Level.OK, "It accepts connections.")
    except OSError as error:
        yield Finding(
            "mail server",
            Level.WARNING,
            f"{address[0]}:{address[1]} accepts no connection ({error}).",
            "Correct DIFFY_SMTP_HOST and DIFFY_SMTP_PORT; deliveries are tried again for hours.",
        )
