"""Whether the ids of a batch's jobs name what they are about."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """The jobs of the batches there are keep their ids."""
    op.add_column(
        "batches",
        sa.Column("readable_ids", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Batches with readable ids are forgotten by older versions."""
    with op.batch_alter_table("batches") as batches:
        batches.drop_column("readable_ids")
