"""How jobs end: by what they stored, or because somebody cancelled them before."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Of a job that runs now it is claimed when it ends."""
    op.create_table(
        "job_ends",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_job_ends"),
    )


def downgrade() -> None:
    """A crawl whose job was cancelled a moment ago may store what it found again."""
    op.drop_table("job_ends")
