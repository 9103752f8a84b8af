"""The turns of jobs that wait for a host, and the answers that they had before they waited."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """No job waits yet."""
    op.create_table(
        "host_turns",
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("host", "job_id", name="pk_host_turns"),
    )
    op.create_index("ix_host_turns_due", "host_turns", ["host", "due_at"])
    op.create_table(
        "kept_answers",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=True),
        sa.Column("etag", sa.String(), nullable=True),
        sa.Column("last_modified", sa.String(), nullable=True),
        sa.Column("location", sa.String(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "url", name="pk_kept_answers"),
    )


def downgrade() -> None:
    """Jobs that wait ask again."""
    op.drop_table("kept_answers")
    op.drop_index("ix_host_turns_due", "host_turns")
    op.drop_table("host_turns")
