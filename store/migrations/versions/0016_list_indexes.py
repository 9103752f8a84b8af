"""Indexes for the lists of pages and of an organisation's changes, newest first."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Changes get the organisation of their domain, since an index spans one table only."""
    op.add_column("changes", sa.Column("org_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE changes SET org_id ="
        " (SELECT org_id FROM domains WHERE domains.id = changes.domain_id)"
    )
    with op.batch_alter_table("changes") as changes:
        changes.alter_column("org_id", existing_type=sa.Uuid(), nullable=False)
        changes.create_foreign_key(
            "fk_changes_org_id", "organisations", ["org_id"], ["id"], ondelete="CASCADE"
        )
        changes.create_index("ix_changes_by_org", ["org_id", "created_at", "id"])
    op.create_index("ix_pages_by_creation", "pages", ["domain_id", "created_at", "id"])


def downgrade() -> None:
    """The organisation of a change is that of its domain again."""
    op.drop_index("ix_pages_by_creation", "pages")
    op.drop_index("ix_changes_by_org", "changes")
    with op.batch_alter_table("changes") as changes:
        changes.drop_constraint("fk_changes_org_id", type_="foreignkey")
        changes.drop_column("org_id")
