"""How far the jobs of each batch have been started, and how many pages it passed over."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0013"
down_revision = "0012"

OPEN = sa.text("fanned_out_at IS NULL AND cancelled_at IS NULL")
BEFORE_ALL = "0" * 32
"""Sorts before every id."""


def upgrade() -> None:
    """Take every batch for fanned out: nearly all are, and none has recorded how far it is."""
    for column in (
        sa.Column("passed_over", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("workflow_id", sa.String(), nullable=True),
        sa.Column("starting_to", sa.Uuid(), nullable=False, server_default=BEFORE_ALL),
        sa.Column("listed_to", sa.Uuid(), nullable=False, server_default=BEFORE_ALL),
        sa.Column("fanned_out_at", UtcDateTime(), nullable=True),
    ):
        op.add_column("batches", column)
    op.execute("UPDATE batches SET fanned_out_at = created_at")
    op.create_index(
        "ix_batches_open",
        "batches",
        ["org_id", "domain_id"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


def downgrade() -> None:
    """A fan-out that runs begins with the first page again; jobs that exist are left alone."""
    with op.batch_alter_table("batches") as batches:
        batches.drop_index("ix_batches_open")
        for name in ("fanned_out_at", "listed_to", "starting_to", "workflow_id", "passed_over"):
            batches.drop_column(name)
