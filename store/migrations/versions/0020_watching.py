"""Schedules of pages, recurring discoveries, and events that are no changes of a page's text."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0020"
down_revision = "0019"

ROWS_AT_ONCE = 500


def _of_domains() -> list[sa.Column[Any]]:
    return [
        sa.Column("schedule", sa.JSON(), nullable=True),
        sa.Column("discover_frequency_hours", sa.Integer(), nullable=False, server_default="24"),
        sa.Column("watch", sa.JSON(), nullable=True),
        sa.Column("discovered_at", UtcDateTime(), nullable=True),
        sa.Column("discovered_pages", sa.Integer(), nullable=True),
        sa.Column("discovery_complete", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("failed_discoveries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failed_discovery", sa.String(), nullable=True),
        sa.Column("low_discoveries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("discovery_broken_since", UtcDateTime(), nullable=True),
        sa.Column("discovery_problem", sa.String(), nullable=True),
        sa.Column("checks_broken_since", UtcDateTime(), nullable=True),
        sa.Column("checks_problem", sa.String(), nullable=True),
    ]


def _of_pages() -> list[sa.Column[Any]]:
    return [
        sa.Column("schedule", sa.JSON(), nullable=True),
        sa.Column("found_at", UtcDateTime(), nullable=True),
        sa.Column("found_by", sa.String(), nullable=True),
        sa.Column("unlinked_at", UtcDateTime(), nullable=True),
        sa.Column("failed_checks", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failed_job", sa.String(), nullable=True),
        sa.Column("failed_at", UtcDateTime(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("broken_since", UtcDateTime(), nullable=True),
    ]


FAILING = sa.text("failed_checks > 0")

NO_CHANGE = "event != 'change'"


def upgrade() -> None:
    """Every domain gets a recurring discovery. One that has been discovered stays so, and a page
    that its next discovery finds is new.
    """
    for column in _of_domains():
        op.add_column("domains", column)
    for column in _of_pages():
        op.add_column("pages", column)
    op.create_index(
        "ix_pages_failing",
        "pages",
        ["domain_id"],
        sqlite_where=FAILING,
        postgresql_where=FAILING,
    )
    op.execute(
        "UPDATE domains SET discovered_at = (SELECT max(finished_at) FROM discoveries"
        " WHERE discoveries.domain_id = domains.id AND discoveries.result IS NOT NULL)"
    )
    with op.batch_alter_table("changes") as changes:
        changes.add_column(
            sa.Column("event", sa.String(20), nullable=False, server_default="change")
        )
        changes.alter_column("before_id", existing_type=sa.Uuid(), nullable=True)
        changes.alter_column("page_id", existing_type=sa.Uuid(), nullable=True)
        changes.drop_constraint("uq_changes_page_id_job_id", type_="unique")
        changes.create_unique_constraint(
            "uq_changes_page_id_job_id_event", ["page_id", "job_id", "event"]
        )
    _look_at_schedules()


def _look_at_schedules() -> None:
    """Let the reconciler make the schedules of the discoveries."""
    connection = op.get_bind()
    outbox = sa.table(
        "outbox",
        sa.column("subject_id", sa.Uuid()),
        sa.column("kind", sa.String()),
        sa.column("domain_id", sa.Uuid()),
        sa.column("message", sa.JSON()),
        sa.column("version", sa.Uuid()),
        sa.column("due_at", UtcDateTime()),
    )
    domains = sa.table("domains", sa.column("id", sa.Uuid()))
    written = sa.select(outbox.c.subject_id).where(outbox.c.kind == "schedule")
    ids = (
        connection.execute(sa.select(domains.c.id).where(domains.c.id.not_in(written)))
        .scalars()
        .all()
    )
    for start in range(0, len(ids), ROWS_AT_ONCE):
        connection.execute(
            sa.insert(outbox), [_schedule(each) for each in ids[start : start + ROWS_AT_ONCE]]
        )


def _schedule(domain_id: object) -> dict[str, object]:
    return {
        "subject_id": domain_id,
        "kind": "schedule",
        "domain_id": domain_id,
        "message": {
            "kind": "schedule",
            "subjectId": str(domain_id),
            "domainId": str(domain_id),
        },
        "version": uuid4(),
        "due_at": datetime.now(UTC),
    }


def downgrade() -> None:
    """Events go. The schedules of discoveries and of single pages stay in Temporal."""
    op.execute(f"DELETE FROM changes WHERE {NO_CHANGE}")
    op.execute("DELETE FROM outbox WHERE kind = 'page_schedule'")
    with op.batch_alter_table("changes") as changes:
        changes.drop_constraint("uq_changes_page_id_job_id_event", type_="unique")
        changes.create_unique_constraint("uq_changes_page_id_job_id", ["page_id", "job_id"])
        changes.alter_column("page_id", existing_type=sa.Uuid(), nullable=False)
        changes.alter_column("before_id", existing_type=sa.Uuid(), nullable=False)
        changes.drop_column("event")
    op.drop_index("ix_pages_failing", "pages")
    with op.batch_alter_table("pages") as pages:
        for column in _of_pages():
            pages.drop_column(column.name)
    with op.batch_alter_table("domains") as domains:
        for column in _of_domains():
            domains.drop_column(column.name)
