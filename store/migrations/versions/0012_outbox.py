"""What Temporal has to be told, and what requests with a key were answered."""

from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0012"
down_revision = "0011"

ROWS_AT_ONCE = 500


def upgrade() -> None:
    """The schedule of every domain is looked at once: versions before may have left one out."""
    op.add_column("keyed_requests", sa.Column("answer", sa.JSON(), nullable=True))
    outbox = op.create_table(
        "outbox",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=False),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("version", sa.Uuid(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "kind", name="pk_outbox"),
    )
    op.create_index("ix_outbox_domain_id", "outbox", ["domain_id"], unique=False)
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"], unique=False)
    connection = op.get_bind()
    domains = sa.table("domains", sa.column("id", sa.Uuid()))
    ids = connection.execute(sa.select(domains.c.id)).scalars().all()
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
    """What Temporal has not been told yet is lost."""
    op.drop_table("outbox")
    with op.batch_alter_table("keyed_requests") as requests:
        requests.drop_column("answer")
