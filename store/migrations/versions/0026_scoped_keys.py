"""API keys have a name, a scope and an expiry."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """The keys there are may do everything, and do not expire."""
    op.add_column("api_keys", sa.Column("name", sa.String()))
    op.add_column(
        "api_keys", sa.Column("scope", sa.String(length=20), nullable=False, server_default="admin")
    )
    op.add_column("api_keys", sa.Column("expires_at", UtcDateTime()))


def downgrade() -> None:
    """Revoke what older versions would take for a key that may do everything for ever."""
    op.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, CURRENT_TIMESTAMP)"
        " WHERE scope <> 'admin' OR expires_at IS NOT NULL"
    )
    with op.batch_alter_table("api_keys") as keys:
        for column in ("name", "scope", "expires_at"):
            keys.drop_column(column)
