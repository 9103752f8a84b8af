"""What keys did."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Nothing is known of what they did before."""
    op.create_table(
        "audit_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organisations.id"], name="fk_audit_lines_org_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_audit_lines"),
    )
    op.create_index("ix_audit_lines_by_org", "audit_lines", ["org_id", "at", "id"])
    op.create_index("ix_audit_lines_at", "audit_lines", ["at"])


def downgrade() -> None:
    """Forget what keys did."""
    op.drop_table("audit_lines")
