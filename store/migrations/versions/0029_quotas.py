"""Quotas of organisations."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0029"
down_revision = "0028"


def _org_id(table: str) -> tuple[sa.Column[object], sa.ForeignKeyConstraint]:
    reference = sa.ForeignKeyConstraint(
        ["org_id"], ["organisations.id"], name=f"fk_{table}_org_id", ondelete="CASCADE"
    )
    return sa.Column("org_id", sa.Uuid(), nullable=False), reference


def upgrade() -> None:
    """No organisation has one of its own, and nothing was counted yet."""
    op.create_table(
        "organisation_quotas",
        *_org_id("organisation_quotas"),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("checks_per_day", sa.Integer(), nullable=True),
        sa.Column("pages_at_most", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("org_id", name="pk_organisation_quotas"),
    )
    op.create_table(
        "check_days",
        *_org_id("check_days"),
        sa.Column("day", UtcDateTime(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("passed_over", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("org_id", "day", name="pk_check_days"),
    )
    op.create_index("ix_check_days_day", "check_days", ["day"])
    op.create_table(
        "counted_checks",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("counted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_counted_checks"),
    )
    op.create_index("ix_counted_checks_counted_at", "counted_checks", ["counted_at"])
    op.add_column(
        "batches", sa.Column("over_quota", sa.Integer(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """No organisation has a quota any more."""
    with op.batch_alter_table("batches") as batches:
        batches.drop_column("over_quota")
    for table in ("counted_checks", "check_days", "organisation_quotas"):
        op.drop_table(table)
