"""Quotas of unfinished jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

TABLE = "organisation_quotas"


def upgrade() -> None:
    """No organisation has one, and the jobs of none were counted."""
    op.add_column(TABLE, sa.Column("unfinished_jobs", sa.Integer()))
    op.add_column(TABLE, sa.Column("jobs_at_most", sa.Integer()))
    for name in ("jobs_taken", "jobs_counts"):
        op.add_column(TABLE, sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Forget them."""
    with op.batch_alter_table(TABLE) as quotas:
        for name in ("jobs_counts", "jobs_taken", "jobs_at_most", "unfinished_jobs"):
            quotas.drop_column(name)
