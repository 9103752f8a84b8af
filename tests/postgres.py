"""A PostgreSQL server of the tests' own, from the programs that Debian's package installs."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg

from store.db.migrations import migrate
from tests.eventually import HANG

PACKAGES: Final = Path("/usr/lib/postgresql")
ACCOUNT: Final = "postgres"
"""Whom the server runs as when the tests run as root, which it refuses to do itself."""

FAST: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    # A deadlock is a defect, and is to be seen at once.
    "deadlock_timeout": "100ms",
}
"""Nothing of it has to outlive the tests."""

BREAK_OFF: Final = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TABLES: Final = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


class PostgresServer:
    """A server that is reached through a socket in `folder` alone."""

    def __init__(self, programs: Path, folder: Path, **settings: str) -> None:
        self._programs = programs
        self._folder = folder
        self._settings = FAST | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._emptied: list[str] = []
        self._revision: str | None = None

    def initialise(self) -> None:
        """Make the cluster."""
        self._make("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")

    def follow(self, primary: "PostgresServer") -> None:
        """Make the cluster a copy of another server's, which it follows once it is started."""
        source = f"--host={primary._folder}"
        self._make("pg_basebackup", source, "--write-recovery-conf", "--checkpoint=fast")

    def _make(self, program: str, *options: str) -> None:
        made = subprocess.run(
            [
                *_as_account(),
                str(self._programs / program),
                f"--pgdata={self._folder / 'data'}",
                f"--username={ACCOUNT}",
                *options,
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
        )
        assert made.returncode == 0, made.stdout + made.stderr

    def start(self) -> None:
        """Start the server; returns once it answers."""
        folder = str(self._folder)
        settings = {"listen_addresses": "", "unix_socket_directories": folder, **self._settings}
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *_as_account(),
                    str(self._programs / "postgres"),
                    "-D",
                    str(self._folder / "data"),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + HANG
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {self.log}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Break every connection off and end the server; nothing happens when none runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(HANG)
            self._process = None

    def kill(self) -> None:
        """Kill it and all its processes, as if the machine were gone."""
        assert self._process is not None, "it does not run"
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(HANG)
        self._process = None

    def promote(self) -> None:
        """Have a server that follows another one take writes; returns once it does."""
        self.run("SELECT pg_promote()")

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    @property
    def log(self) -> str:
        """What the server has written so far."""
        return (self._folder / "log").read_text(errors="replace")

    def url(self, database: str) -> str:
        """The database as `DIFFY_DATABASE_URL` names it."""
        return f"postgresql://{ACCOUNT}@/{database}?host={self._folder}"

    def run(self, statement: str) -> None:
        """Run a statement outside of every database of the tests."""
        with psycopg.connect(self.url(ACCOUNT), autocommit=True) as connection:
            connection.execute(statement.encode())

    def url_with(self, standby: "PostgresServer", database: str) -> str:
        """The database on whichever of both servers takes writes."""
        hosts = "&".join(f"host={each._folder}:5432" for each in (self, standby))
        return f"postgresql://{ACCOUNT}@/{database}?{hosts}&target_session_attrs=read-write"

    def value(self, query: str) -> object:
        """The only value that a query gives, outside of every database of the tests."""
        with psycopg.connect(self.url(ACCOUNT), autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database without a table, which is dropped after the block."""
        name = self._made()
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def migrated(self) -> Iterator[str]:
        """The URL of a database of the present schema, without a row. After the block it is emptied
        and serves the next one: to make one takes a seventh of a second.
        """
        if self._emptied:
            name = self._emptied.pop()
        else:
            name = self._made()
            migrate(self.url(name))
            with psycopg.connect(self.url(name)) as connection:
                row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            assert row is not None
            [self._revision] = row
        yield self.url(name)
        self._empty(name)
        self._emptied.append(name)

    def _made(self) -> str:
        name = f"test_{uuid4().hex}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def _empty(self, name: str) -> None:
        """Break its other connections off, delete every row and restore which schema it has."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(BREAK_OFF)
            tables = [table for (table,) in connection.execute(TABLES)]
            filled = " UNION ALL ".join(
                f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables
            )
            names = [table for (table,) in connection.execute(filled.encode())]
            if names:
                truncate = f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE"
                connection.execute(truncate.encode())
            connection.execute("UPDATE alembic_version SET version_num = %s", [self._revision])

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(ACCOUNT)).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgres(
    following: PostgresServer | None = None, /, **settings: str
) -> Iterator[PostgresServer]:
    """A server with these settings for the length of the block; a standby if it follows one."""
    programs = installed_programs()
    assert programs is not None, "PostgreSQL is not installed"
    # Not in pytest's folder, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="diffy-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT)
    server = PostgresServer(programs, folder, **settings)
    try:
        if following is None:
            server.initialise()
        else:
            server.follow(following)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def installed_programs() -> Path | None:
    """The folder of the newest PostgreSQL here, where Debian's package puts it."""
    found = [program.parent for program in PACKAGES.glob("*/bin/postgres")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


def _as_account() -> list[str]:
    """What goes before a command that must not run as root, and must end when the tests do."""
    command = ["/usr/bin/setpriv", "--pdeathsig=INT"]
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        command += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups"]
    return command
