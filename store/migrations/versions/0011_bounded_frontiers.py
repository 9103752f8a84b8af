"""What bounds the frontier of a discovery, and what lets an attempt go on in the middle of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

NEVER_VISITED = (
    "'invalid_address', 'other_host', 'excluded', 'too_deep', 'endless_path', 'calendar',"
    " 'parameters'"
)


def upgrade() -> None:
    """Discoveries that are under way go on: all of their sitemaps have been read."""
    with op.batch_alter_table("discoveries") as discoveries:
        for name in ("rows_to_visit", "rows_left_out"):
            discoveries.add_column(
                sa.Column(name, sa.Integer(), server_default="0", nullable=False)
            )
        for name in ("without_row", "checkpoint"):
            discoveries.add_column(sa.Column(name, sa.JSON(), nullable=True))
    op.drop_index("ix_frontier_urls_waiting", "frontier_urls")
    with op.batch_alter_table("frontier_urls") as urls:
        urls.alter_column("position", existing_type=sa.Integer(), nullable=True)
        urls.add_column(
            sa.Column("uses_budget", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        urls.create_index("ix_frontier_urls_waiting", ["job_id", "state", "depth", "position"])
    op.execute(f"UPDATE frontier_urls SET position = NULL WHERE reason IN ({NEVER_VISITED})")
    op.execute(
        "UPDATE frontier_urls SET uses_budget = true WHERE depth > 0 AND position IS NOT NULL"
    )
    for name, condition in (("rows_to_visit", "IS NOT NULL"), ("rows_left_out", "IS NULL")):
        op.execute(
            f"UPDATE discoveries SET {name} = (SELECT count(*) FROM frontier_urls"
            f" WHERE frontier_urls.job_id = discoveries.job_id AND position {condition})"
        )
    op.execute("UPDATE discoveries SET checkpoint = '{\"seeding\": {}}' WHERE rows_to_visit > 0")


def downgrade() -> None:
    """URLs that have no row are forgotten, and so is how far a discovery was with its sitemaps."""
    op.drop_index("ix_frontier_urls_waiting", "frontier_urls")
    op.execute("UPDATE frontier_urls SET position = 0 WHERE position IS NULL")
    with op.batch_alter_table("frontier_urls") as urls:
        urls.drop_column("uses_budget")
        urls.alter_column("position", existing_type=sa.Integer(), nullable=False)
        urls.create_index("ix_frontier_urls_waiting", ["job_id", "state", "position"])
    with op.batch_alter_table("discoveries") as discoveries:
        for name in ("checkpoint", "without_row", "rows_left_out", "rows_to_visit"):
            discoveries.drop_column(name)
