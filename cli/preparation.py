"""What `diffy up` does once before its services start.

In a child process, because the database and all that works with it take half of the memory of a
process: `diffy up` runs as long as its services do, and needs the database for a moment. And only
where there is something to do, because the child takes a quarter of a start.
"""

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta
from typing import Literal

from cli.loading import loading_code
from cli.process import OwnedProcess
from core.errors import DiffyError, SettingsError, Unavailable
from core.model import Model
from core.settings import Settings
from store.db.revisions import revisions

Task = Literal["prepare", "first-key"]


class Answer(Model):
    """What the child answers: what it did, or the error that it met."""

    error: str | None = None
    is_setting: bool = False
    any_key: bool = False
    key: str | None = None


async def prepare(settings: Settings) -> bool:
    """Prepare the database and the namespace once for all services, and check the settings.

    Does nothing for an installation that has run with this version: its services look at both
    themselves, and find them as they left them.

    Returns whether there is an API key. Raises SettingsError for a setting that does not fit, and
    Unavailable if the database or Temporal cannot be reached.
    """
    return is_prepared(settings) or (await _answer_of("prepare")).any_key


def is_prepared(settings: Settings) -> bool:
    """Whether the child would find nothing to do: the installation has an SQLite file with this
    version's schema and an API key in it.
    """
    if settings.database_url is not None:
        return False
    file = f"{settings.database_file.as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(file, uri=True)) as connection:
            found = connection.execute(
                "SELECT version_num FROM alembic_version WHERE EXISTS (SELECT * FROM api_keys)"
            ).fetchone()
    except sqlite3.Error:  # there is none, or the child says what is wrong with it
        return False
    return bool(found == (revisions()[-1],))


async def first_key() -> str | None:
    """A new key of the default organisation; None if any key exists. Raises as `prepare`."""
    return (await _answer_of("first-key")).key


async def _answer_of(task: Task) -> Answer:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as answers:
        try:
            command = [sys.executable, "-P", "-m", __name__, task, str(writing)]
            child = await OwnedProcess.spawn(command, pass_fds=[writing])
        finally:
            os.close(writing)
        try:
            written = await asyncio.to_thread(answers.read)
        finally:
            child.kill()  # it has answered, or nobody waits any more
            await child.wait()
    if not written:  # its log says why
        raise Unavailable("The database and the namespace could not be prepared.")
    answer = Answer.model_validate_json(written)
    if answer.error is not None:
        raise (SettingsError if answer.is_setting else Unavailable)(answer.error)
    return answer


async def _done(task: Task) -> Answer:
    with loading_code():
        from cli.keys import create_first, listed
        from core.settings import load_settings
        from temporal.connection import connect
        from temporal.monitoring import logging_runtime
        from temporal.namespace import prepare_namespace

    settings = load_settings()
    if task == "first-key":
        made = await create_first(settings)
        return Answer(key=made.key if made else None)
    any_key = bool(await listed(settings))
    client = await connect(settings, runtime=logging_runtime())
    await prepare_namespace(client, timedelta(days=settings.job_retention_days))
    return Answer(any_key=any_key)


def main(task: Task, answers: int) -> None:
    """Do it, and write the answer to the file descriptor `answers`."""
    from core.logs.service import service_log
    from core.settings import load_settings

    with service_log(load_settings(), "up"):
        try:
            answer = asyncio.run(_done(task))
        except DiffyError as error:
            answer = Answer(error=error.message, is_setting=isinstance(error, SettingsError))
    with os.fdopen(answers, "w") as pipe:
        pipe.write(answer.model_dump_json())


if __name__ == "__main__":
    asked, descriptor = sys.argv[1:]
    main("first-key" if asked == "first-key" else "prepare", int(descriptor))
