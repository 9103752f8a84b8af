"""The main text of a snapshot is read when somebody asks for it, no longer when it is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Main texts that are stored stay."""
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.alter_column("main_text_key", existing_type=sa.String(), nullable=True)


def downgrade() -> None:
    """A snapshot whose main text was not read has its whole text."""
    op.execute("UPDATE snapshots SET main_text_key = text_key WHERE main_text_key IS NULL")
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.alter_column("main_text_key", existing_type=sa.String(), nullable=False)
