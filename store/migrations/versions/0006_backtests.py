"""Backtests and their reports."""

import sqlalchemy as sa
from alembic import op

from store.db.types import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Two tables; of older snapshots nobody knows the settings that they were seen under."""
    op.add_column("snapshots", sa.Column("seen_under", sa.String(), nullable=True))
    counts = ("pages", "pages_done", "snapshots", "same", "different", "new", "gone")
    op.create_table(
        "backtests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("domain_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in counts),
        sa.Column("last_page_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["domains.id"], name="fk_backtests_domain_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_backtests"),
    )
    op.create_index(
        "ix_backtests_newest", "backtests", ["domain_id", "created_at", "id"], unique=False
    )
    told = ("type", "severity", "summary")
    op.create_table(
        "backtest_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("backtest_id", sa.Uuid(), nullable=False),
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("detected_at", UtcDateTime(), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=True),
        sa.Column("before_id", sa.Uuid(), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        *(sa.Column(f"reported_{name}", sa.String(), nullable=True) for name in told),
        *(sa.Column(f"expected_{name}", sa.String(), nullable=True) for name in told),
        sa.Column("expected_confidence", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["backtest_id"],
            ["backtests.id"],
            name="fk_backtest_changes_backtest_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["page_id"], ["pages.id"], name="fk_backtest_changes_page_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_backtest_changes"),
    )
    op.create_index(
        "ix_backtest_changes_newest",
        "backtest_changes",
        ["backtest_id", "detected_at", "id"],
        unique=False,
    )
    op.create_index("ix_backtest_changes_page_id", "backtest_changes", ["page_id"], unique=False)


def downgrade() -> None:
    """Reports are lost."""
    op.drop_table("backtest_changes")
    op.drop_table("backtests")
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.drop_column("seen_under")
