"""Tags, channels, alerts and deliveries."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0017"
down_revision = "0016"

TAGGED = ("domains", "pages")
TABLES = ("deliveries", "alert_channels", "alerts", "channels")


def upgrade() -> None:
    """No domain and no page has a tag, and nobody is told of anything."""
    for table in TAGGED:
        op.add_column(table, sa.Column("tags", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "channels",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _owner("channels"),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("target", sa.JSON(), nullable=False),
        sa.Column("address", sa.String()),
        sa.Column("secret", sa.String()),
        sa.Column("previous_secret", sa.String()),
        sa.Column("previous_until", UtcDateTime()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("off_reason", sa.String()),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_since", UtcDateTime()),
        sa.Column("held_until", UtcDateTime()),
        sa.Column("last_answer", sa.String()),
        sa.Column("last_delivered_at", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _owner("alerts"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(20), nullable=False),
        sa.Column("quiet_hours", sa.JSON()),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "alert_channels",
        _reference("alert_channels", "alert_id", "alerts", "CASCADE", primary_key=True),
        _reference("alert_channels", "channel_id", "channels", "CASCADE", primary_key=True),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), primary_key=True),
        _owner("deliveries"),
        _reference("deliveries", "channel_id", "channels", "CASCADE", nullable=False),
        _reference("deliveries", "alert_id", "alerts", "SET NULL"),
        _reference("deliveries", "change_id", "changes", "CASCADE"),
        _reference("deliveries", "page_id", "pages", "CASCADE"),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime()),
        sa.Column("last_answer", sa.String()),
        sa.Column("is_digest", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("digest_id", sa.Uuid()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("delivered_at", UtcDateTime()),
    )
    for table in ("channels", "alerts", "deliveries"):
        op.create_index(f"ix_{table}_by_org", table, ["org_id", "created_at", "id"])
    op.create_index("ix_alert_channels_channel_id", "alert_channels", ["channel_id"])
    op.create_index("ix_deliveries_due", "deliveries", ["channel_id", "state", "next_attempt_at"])
    op.create_index("ix_deliveries_of_page", "deliveries", ["page_id", "channel_id", "state"])
    for column in ("alert_id", "change_id", "created_at"):
        op.create_index(f"ix_deliveries_{column}", "deliveries", [column])


def downgrade() -> None:
    """Tags, channels and alerts are lost, and what was still to be told."""
    for table in TABLES:
        op.drop_table(table)
    op.execute("DELETE FROM outbox WHERE kind IN ('change', 'channel')")
    for table in TAGGED:
        with op.batch_alter_table(table) as altered:
            altered.drop_column("tags")


def _owner(table: str) -> sa.Column[object]:
    return _reference(table, "org_id", "organisations", "CASCADE", nullable=False)


def _reference(
    table: str,
    column: str,
    target: str,
    ondelete: str,
    *,
    nullable: bool = True,
    primary_key: bool = False,
) -> sa.Column[object]:
    key = sa.ForeignKey(f"{target}.id", name=f"fk_{table}_{column}", ondelete=ondelete)
    required = primary_key or not nullable
    return sa.Column(column, sa.Uuid(), key, primary_key=primary_key, nullable=not required)
