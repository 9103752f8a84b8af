"""Migrations: from any schema to the current one, by any number of processes at once."""

import asyncio
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, create_engine, inspect, select, text
from sqlalchemy.exc import DatabaseError, OperationalError, ProgrammingError

from core.errors import SettingsError, Unavailable
from core.jobs.checkpoint import EMPTY_CHECKPOINT
from core.outbox import Message, ScheduleMessage
from core.text.packing import pack, unpack
from store import frontier
from store.batches import next_chunk, unstarted_jobs
from store.changes import list_changes
from store.db.base import Base
from store.db.engine import Database, parse_url
from store.db.migrations import migrate, use_write_ahead_log
from store.db.paging import PageRequest
from store.db.revisions import MIGRATIONS, revisions
from store.frontier import FoundUrl, Tally
from store.keys import create_key, list_keys
from store.outbox import DatabaseOutbox
from store.requests import find_request
from store.tables.batches import BEFORE_ALL
from store.tables.discoveries import Discovery
from store.tables.domains import Domain
from tests.loaded import loaded_by

pytestmark = pytest.mark.dear

SCRIPTS = ScriptDirectory(str(MIGRATIONS))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()]
[BEFORE_CONTENTS] = [
    str(each.down_revision) for each in SCRIPTS.walk_revisions() if "contents" in each.path
]
[BEFORE_RETENTION] = [
    str(each.down_revision)
    for each in SCRIPTS.walk_revisions()
    if each.path.endswith("_retention.py")
]
[BEFORE_BOUNDS] = [
    str(each.down_revision) for each in SCRIPTS.walk_revisions() if "bounded" in each.path
]
[BEFORE_UNSTARTED_JOBS] = [
    str(each.down_revision) for each in SCRIPTS.walk_revisions() if "unstarted_jobs" in each.path
]
[BEFORE_OUTBOX] = [
    str(each.down_revision) for each in SCRIPTS.walk_revisions() if "outbox" in each.path
]
[BEFORE_LIST_INDEXES] = [
    str(each.down_revision) for each in SCRIPTS.walk_revisions() if "list_indexes" in each.path
]
[BEFORE_WATCHING] = [
    str(each.down_revision) for each in SCRIPTS.walk_revisions() if "_watching" in each.path
]
PROCESSES = 2
DOMAINS = 3
MOVED = 250
"""Snapshots, more than one step of their migration takes."""


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection of the test's own."""
    engine = create_engine(parse_url(url))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def differences(url: str) -> list[object]:
    """The differences between the schema of the database and that of the tables."""
    with connected(url) as connection:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))


def revision(url: str) -> str | None:
    """The revision of the database."""
    with connected(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def move(url: str, to: str, *, up: bool) -> None:
    """Bring a database to a revision as a developer does."""
    if url.startswith("sqlite"):
        Path(parse_url(url).database or "").parent.mkdir(exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with connected(url) as connection:
        config.attributes["connection"] = connection
        (command.upgrade if up else command.downgrade)(config, to)


def test_a_new_database_gets_the_schema_that_the_tables_say(empty_url: str) -> None:
    migrate(empty_url)
    assert differences(empty_url) == []
    assert revision(empty_url) == SCRIPTS.get_current_head()


def test_a_difference_would_be_seen(empty_url: str) -> None:
    migrate(empty_url)
    with connected(empty_url) as connection:
        connection.execute(text("ALTER TABLE pages DROP COLUMN etag"))
        connection.execute(text("DROP INDEX ix_changes_newest"))
    assert len(differences(empty_url)) == 2


async def test_migrating_again_changes_nothing(database: Database, database_url: str) -> None:
    async with database.transaction() as session:
        await create_key(session, "acme")
    await asyncio.to_thread(migrate, database_url)
    async with database.reading() as session:
        assert [row.org_name for row in await list_keys(session)] == ["acme"]
    assert differences(database_url) == []


def test_each_schema_is_brought_to_the_next_up_to_the_present_one(empty_url: str) -> None:
    for each in reversed(REVISIONS):
        move(empty_url, each, up=True)
        assert revision(empty_url) == each
    assert differences(empty_url) == []
    migrate(empty_url)
    assert revision(empty_url) == SCRIPTS.get_current_head()


def test_every_migration_can_be_taken_back(empty_url: str) -> None:
    migrate(empty_url)
    move(empty_url, "base", up=False)
    with connected(empty_url) as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    migrate(empty_url)
    assert differences(empty_url) == []


def test_texts_of_snapshots_are_moved_and_can_be_moved_back(empty_url: str) -> None:
    move(empty_url, BEFORE_CONTENTS, up=True)
    texts = [("same", "same")] + [("same", f"main {n}") for n in range(MOVED)]
    with connected(empty_url) as connection:
        insert_old_snapshots(connection, texts)
    before = old_snapshots(empty_url)
    migrate(empty_url)
    assert differences(empty_url) == []
    with connected(empty_url) as connection:
        rows = connection.execute(text("SELECT text_key, main_text_key, html_key FROM snapshots"))
        keys = [tuple(row) for row in rows]
        contents = connection.execute(text("SELECT count(*) FROM contents")).scalar()
    assert {key[0] for key in keys} == {pack("same").key}
    assert {key[1] for key in keys} == {pack(main).key for _, main in texts}
    assert {key[2] for key in keys} == {None}
    assert contents == 1 + MOVED
    move(empty_url, BEFORE_CONTENTS, up=False)
    assert old_snapshots(empty_url) == before


def test_discoveries_and_their_frontiers_outlive_the_migration(empty_url: str) -> None:
    move(empty_url, BEFORE_RETENTION, up=True)
    finished = datetime(2026, 3, 1, tzinfo=UTC)
    with connected(empty_url) as connection:
        domain = insert_old_domain(connection, uuid4())
        for job_id in ("over", "on"):
            insert(connection, "discoveries", [{"job_id": job_id, "domain_id": domain}])
        connection.execute(
            text("UPDATE discoveries SET finished_at = :at WHERE job_id = 'over'"),
            {"at": finished},
        )
        url = {"job_id": "on", "url": "u", "depth": 0, "position": 1, "state": "pending"}
        insert(connection, "frontier_urls", [url])
    before = datetime.now(UTC)
    migrate(empty_url)
    assert differences(empty_url) == []
    with connected(empty_url) as connection:
        rows = connection.execute(select(Discovery.job_id, Discovery.created_at))
        found = {row.job_id: row.created_at for row in rows}
    assert found["over"] == finished
    assert before <= found["on"] <= datetime.now(UTC)
    move(empty_url, BEFORE_RETENTION, up=False)
    with connected(empty_url) as connection:
        urls = connection.execute(text("SELECT job_id FROM frontier_urls")).scalars().all()
    assert urls == ["on"]


async def test_a_discovery_that_is_under_way_goes_on_and_can_be_taken_back(empty_url: str) -> None:
    move(empty_url, BEFORE_BOUNDS, up=True)
    urls = [
        ("/", 0, "page_added", None),
        ("/bad", 1, "left_out", "not_found"),
        ("/elsewhere", 1, "left_out", "other_host"),
        ("/2026/12", 1, "pending", None),
    ]
    with connected(empty_url) as connection:
        domain = insert_old_domain(connection, uuid4())
        insert(connection, "discoveries", [{"job_id": "new", "domain_id": domain}])
        insert(connection, "discoveries", [{"job_id": "job", "domain_id": domain}])
        rows: list[dict[str, object]] = [
            {"job_id": "job", "url": url, "depth": depth, "position": n, "state": state}
            | {"reason": reason}
            for n, (url, depth, state, reason) in enumerate(urls, 1)
        ]
        insert(connection, "frontier_urls", rows)
    await asyncio.to_thread(migrate, empty_url)
    database = Database.open(empty_url)
    async with database.transaction() as session:
        discovery = await session.get_one(Discovery, "job")
        assert (discovery.rows_to_visit, discovery.rows_left_out) == (3, 1)
        seeding = frontier.checkpoint_of(discovery).seeding
        assert seeding is not None
        assert not seeding.waiting
        assert frontier.checkpoint_of(await session.get_one(Discovery, "new")) == EMPTY_CHECKPOINT
        left_out = {"not_found": 1, "other_host": 1}
        assert await frontier.tally(session, "job") == Tally(1, 0, 1, left_out)
        assert await frontier.pending(session, "job", 9) == [FoundUrl("/2026/12", 1)]
        assert set(await frontier.budgeted(session, "job")) == {"/2026/12", "/bad"}
    await database.close()
    await asyncio.to_thread(move, empty_url, BEFORE_BOUNDS, up=False)
    with connected(empty_url) as connection:
        kept = connection.execute(text("SELECT url, depth, state, reason FROM frontier_urls"))
        assert {tuple(row) for row in kept} == set(urls)


async def test_jobs_of_batches_of_before_count_as_started(empty_url: str) -> None:
    move(empty_url, BEFORE_UNSTARTED_JOBS, up=True)
    org, batch = uuid4(), uuid4()
    with connected(empty_url) as connection:
        domain, page = insert_page(connection, org)
        insert(
            connection,
            "batches",
            [{"id": batch, "org_id": org, "domain_id": domain, "size": 1}],
        )
        insert(connection, "batch_pages", [{"batch_id": batch, "page_id": page}])
    await asyncio.to_thread(migrate, empty_url)
    assert differences(empty_url) == []
    database = Database.open(empty_url)
    async with database.transaction() as session:
        jobs = await unstarted_jobs(session, org)
        assert (jobs.unstarted, jobs.starting) == (0, [])
        [member] = (await next_chunk(session, batch, BEFORE_ALL, 2)).members
        assert member.page_id == page, "a fan-out that was at work goes on"
    await database.close()


def test_changes_get_the_organisation_of_their_domain(empty_url: str) -> None:
    if empty_url.startswith("sqlite"):
        Path(parse_url(empty_url).database or "").parent.mkdir()
    move(empty_url, BEFORE_LIST_INDEXES, up=True)
    org, snapshot = uuid4(), uuid4()
    text_key = pack("a").key
    with connected(empty_url) as connection:
        domain, page = insert_page(connection, org)
        insert(connection, "contents", [{"key": text_key, "data": pack("a").data}])
        insert(
            connection,
            "snapshots",
            [{
                "id": snapshot, "page_id": page, "job_id": "job", "url": "u", "status_code": 200,
                "text_key": text_key, "main_text_key": text_key, "text_hash": "t", "body_hash": "b",
            }],
        )  # fmt: skip
        insert(
            connection,
            "changes",
            [{
                "id": uuid4(), "domain_id": domain, "page_id": page, "job_id": "job",
                "before_id": snapshot, "change_type": "content_change", "severity": "low",
                "confidence": 1.0, "summary": "s", "diff": "{}",
            }],
        )  # fmt: skip

    async def listed() -> list[UUID]:
        database = Database.open(empty_url)
        async with database.reading() as session:
            changes = await list_changes(session, org, PageRequest(10))
        await database.close()
        return [each.domain_id for each in changes.rows]

    migrate(empty_url)
    assert asyncio.run(listed()) == [domain]
    move(empty_url, BEFORE_LIST_INDEXES, up=False)
    with connected(empty_url) as connection:
        assert connection.execute(text("SELECT count(*) FROM changes")).scalar() == 1


def test_the_schedule_of_every_domain_is_looked_at_after_the_outbox_has_come(
    empty_url: str,
) -> None:
    move(empty_url, BEFORE_OUTBOX, up=True)
    org, domains = uuid4(), [uuid4() for _ in range(DOMAINS)]
    with connected(empty_url) as connection:
        insert(connection, "organisations", [{"id": org, "name": "org"}])
        insert(connection, "domains", [domain_row(each, org) for each in domains])
        request = {"org_id": org, "key": "k", "fingerprint": "f", "seed": domains[0]}
        insert(connection, "keyed_requests", [request])
    migrate(empty_url)

    async def due() -> list[Message]:
        database = Database.open(empty_url)
        async with database.reading() as session:
            known = await find_request(session, org, "k", "f", datetime.now(UTC))
            assert known is not None
            assert (known.seed, known.answer) == (domains[0], None)
        taken = await DatabaseOutbox(database).take_due(2 * DOMAINS)
        await database.close()
        return [each.message for each in taken]

    messages = asyncio.run(due())
    assert len(messages) == len(domains)
    assert all(ScheduleMessage.of(each) in messages for each in domains)
    move(empty_url, BEFORE_OUTBOX, up=False)
    with connected(empty_url) as connection:
        assert connection.execute(text("SELECT count(*) FROM keyed_requests")).scalar() == 1


def test_domains_of_before_get_a_recurring_discovery_that_knows_of_the_last_one(
    empty_url: str,
) -> None:
    move(empty_url, BEFORE_WATCHING, up=True)
    org, deleted = uuid4(), uuid4()
    finished = datetime(2026, 3, 1, tzinfo=UTC)
    with connected(empty_url) as connection:
        domain, _ = insert_page(connection, org)
        row: dict[str, object] = {"job_id": "job", "domain_id": domain, "result": {}}
        insert(connection, "discoveries", [row | {"finished_at": finished}])
        gone = ScheduleMessage.of(deleted)
        insert(
            connection,
            "outbox",
            [{
                "subject_id": deleted, "domain_id": deleted, "kind": gone.kind, "version": uuid4(),
                "message": gone.model_dump(mode="json", by_alias=True), "due_at": finished,
            }],
        )  # fmt: skip
    migrate(empty_url)

    async def read() -> tuple[Domain, list[Message]]:
        database = Database.open(empty_url)
        due = [each.message for each in await DatabaseOutbox(database).take_due(9)]
        async with database.reading() as session:
            found = await session.get_one(Domain, domain)
        await database.close()
        return found, due

    found, due = asyncio.run(read())
    assert (found.discovered_at, found.discover_frequency_hours) == (finished, 24)
    assert {each.subject_id for each in due} == {domain, deleted}
    move(empty_url, BEFORE_WATCHING, up=False)
    migrate(empty_url)
    assert differences(empty_url) == []


def domain_row(domain_id: UUID, org_id: UUID) -> dict[str, object]:
    """A domain as the first schema has it."""
    return {
        "id": domain_id, "org_id": org_id, "domain": domain_id.hex, "origin": "o",
        "display_name": "n", "status": "active", "check_frequency_hours": 24,
        "updated_at": datetime.now(UTC),
    }  # fmt: skip


def insert_old_domain(connection: Connection, org: UUID) -> UUID:
    """A domain of the first schema, and its organisation."""
    domain = uuid4()
    insert(connection, "organisations", [{"id": org, "name": "org"}])
    insert(
        connection,
        "domains",
        [domain_row(domain, org)],
    )
    return domain


def insert_old_snapshots(connection: Connection, texts: Sequence[tuple[str, str]]) -> None:
    """Snapshots of the first schema, of one page, by their texts and main texts."""
    _, page = insert_page(connection, uuid4())
    insert(
        connection,
        "snapshots",
        [{
            "id": uuid4(), "page_id": page, "job_id": f"job {number}", "url": "u",
            "status_code": 200, "text": pack(shown).data, "main_text": pack(main_text).data,
            "text_hash": "t", "body_hash": "b",
        } for number, (shown, main_text) in enumerate(texts)],
    )  # fmt: skip


def insert_page(connection: Connection, org: UUID) -> tuple[UUID, UUID]:
    """A page of a domain of the first schema: the domain and the page."""
    domain, page = insert_old_domain(connection, org), uuid4()
    insert(
        connection,
        "pages",
        [{
            "id": page, "domain_id": domain, "url": "u", "page_type": "other",
            "status": "active", "monitoring_enabled": True,
        }],
    )  # fmt: skip
    return domain, page


def insert(connection: Connection, name: str, rows: Sequence[dict[str, object]]) -> None:
    """Insert rows into a table of the current schema, with the current time as `created_at`."""
    table = Table(name, MetaData(), autoload_with=connection)
    hexadecimal = connection.dialect.name == "sqlite"
    now = {"created_at": datetime.now(UTC)} if "created_at" in table.c else {}
    connection.execute(
        table.insert(),
        [
            {
                key: value.hex if hexadecimal and isinstance(value, UUID) else value
                for key, value in {**row, **now}.items()
                if key in table.columns
            }
            for row in rows
        ],
    )


def old_snapshots(url: str) -> set[tuple[str, str]]:
    """The texts of the first schema's snapshots."""
    with connected(url) as connection:
        rows = connection.execute(text("SELECT text, main_text FROM snapshots")).all()
    return {(unpack(row.text), unpack(row.main_text)) for row in rows}


def test_there_is_one_newest_revision_and_files_are_named_after_theirs() -> None:
    assert len(SCRIPTS.get_heads()) == 1
    assert revisions() == tuple(reversed([each.revision for each in SCRIPTS.walk_revisions()]))


def test_a_database_that_is_up_to_date_needs_no_alembic(database_url: str) -> None:
    program = f"from store.db.migrations import migrate; migrate({database_url!r})"
    loaded = loaded_by(program)
    assert "store.db.migrations" in loaded
    assert "alembic" not in loaded


async def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    program = f"from store.db.migrations import migrate; migrate({empty_url!r})"
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        _, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
    assert differences(empty_url) == []


def test_an_sqlite_file_keeps_a_write_ahead_log_whoever_opens_it(sqlite_path: Path) -> None:
    with closing(sqlite3.connect(sqlite_path)) as any_connection:
        assert any_connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY])
def test_a_write_ahead_log_that_sqlite_refuses_is_asked_for_again(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SQLite refuses one of two connections that ask at once, but not on demand.
    refused: list[str] = []

    class Refused(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
            if not refused:
                refused.append(sql)
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = code
                raise error
            return super().execute(sql, *given)

    connect = partial(sqlite3.connect, factory=Refused)
    monkeypatch.setattr("store.db.migrations.sqlite3.connect", connect)
    use_write_ahead_log(tmp_path / "diffy.db")
    assert refused == ["PRAGMA journal_mode = WAL"]
    monkeypatch.undo()
    with closing(sqlite3.connect(tmp_path / "diffy.db")) as any_connection:
        assert any_connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_is_no_database_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "diffy.db"
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseError, match="file is not a database"):
        migrate(f"sqlite:///{file}")


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    move(empty_url, "base", up=True)
    with connected(empty_url) as connection:
        # In the way of the last table of the first migration.
        connection.execute(text("CREATE TABLE changes (id INTEGER)"))
    with pytest.raises((ProgrammingError, OperationalError)):
        migrate(empty_url)
    with connected(empty_url) as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version", "changes"}
        connection.execute(text("DROP TABLE changes"))
    migrate(empty_url)
    assert differences(empty_url) == []


def test_the_folder_of_an_sqlite_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "diffy.db"
    migrate(f"sqlite:///{path}")
    assert path.exists()


@pytest.mark.parametrize("url", ["mysql://db/diffy", "sqlite://", "nonsense"])
def test_a_url_that_cannot_be_used_is_a_setting_at_fault(url: str) -> None:
    with pytest.raises(SettingsError, match="DIFFY_DATABASE_URL"):
        migrate(url)


def test_a_database_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        migrate(f"postgresql://postgres@/diffy?host={tmp_path}")
    with pytest.raises(Unavailable):
        migrate(f"sqlite:///{tmp_path}")
