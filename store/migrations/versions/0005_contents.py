"""Texts of snapshots stored once, in a table of their own, and the HTML beside them."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

AT_ONCE = 200
"""Snapshots that are held in memory."""

CONTENTS = sa.table("contents", sa.column("key", sa.String), sa.column("data", sa.LargeBinary))
SNAPSHOTS = sa.table(
    "snapshots",
    sa.column("id", sa.Uuid),
    sa.column("text", sa.LargeBinary),
    sa.column("main_text", sa.LargeBinary),
    sa.column("text_key", sa.String),
    sa.column("main_text_key", sa.String),
)
KEYS = ("text_key", "main_text_key", "html_key")


def upgrade() -> None:
    """Snapshots that are there already keep their texts, and have no HTML."""
    op.create_table(
        "contents",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_contents"),
    )
    with op.batch_alter_table("snapshots") as snapshots:
        for name in KEYS:
            snapshots.add_column(sa.Column(name, sa.String(), nullable=True))
    for rows in _chunks():
        _move(rows)
    with op.batch_alter_table("snapshots") as snapshots:
        for name in KEYS:
            snapshots.create_foreign_key(f"fk_snapshots_{name}", "contents", [name], ["key"])
        for name in ("text", "main_text"):
            snapshots.alter_column(f"{name}_key", existing_type=sa.String(), nullable=False)
            snapshots.drop_column(name)
    for name in KEYS:
        op.create_index(f"ix_snapshots_{name}", "snapshots", [name], unique=False)


def downgrade() -> None:
    """The HTML is lost."""
    for name in KEYS:
        op.drop_index(f"ix_snapshots_{name}", "snapshots")
    with op.batch_alter_table("snapshots") as snapshots:
        for name in ("text", "main_text"):
            snapshots.add_column(sa.Column(name, sa.LargeBinary(), nullable=True))
    for name in ("text", "main_text"):
        data = (
            sa.select(CONTENTS.c.data)
            .where(CONTENTS.c.key == SNAPSHOTS.c[f"{name}_key"])
            .scalar_subquery()
        )
        op.execute(sa.update(SNAPSHOTS).values({name: data}))
    with op.batch_alter_table("snapshots") as snapshots:
        for name in ("text", "main_text"):
            snapshots.alter_column(name, existing_type=sa.LargeBinary(), nullable=False)
        for name in KEYS:
            snapshots.drop_constraint(f"fk_snapshots_{name}", type_="foreignkey")
            snapshots.drop_column(name)
    op.drop_table("contents")


def _chunks() -> Iterator[Sequence[sa.Row[Any, Any, Any]]]:
    rows = (
        sa.select(SNAPSHOTS.c.id, SNAPSHOTS.c.text, SNAPSHOTS.c.main_text)
        .order_by(SNAPSHOTS.c.id)
        .limit(AT_ONCE)
    )
    found = op.get_bind().execute(rows).all()
    while found:
        yield found
        found = op.get_bind().execute(rows.where(SNAPSHOTS.c.id > found[-1].id)).all()


def _move(rows: Sequence[sa.Row[Any, Any, Any]]) -> None:
    connection = op.get_bind()
    keyed = {
        data: hashlib.sha256(zlib.decompress(data)).hexdigest()
        for row in rows
        for data in (row.text, row.main_text)
    }
    contents = {key: data for data, key in keyed.items()}
    known = sa.select(CONTENTS.c.key).where(CONTENTS.c.key.in_(contents))
    for key in connection.execute(known).scalars():
        del contents[key]
    if contents:
        fresh = [{"key": key, "data": data} for key, data in contents.items()]
        connection.execute(sa.insert(CONTENTS), fresh)
    connection.execute(
        sa.update(SNAPSHOTS)
        .where(SNAPSHOTS.c.id == sa.bindparam("of"))
        .values(text_key=sa.bindparam("text_is"), main_text_key=sa.bindparam("main_is")),
        [
            {"of": row.id, "text_is": keyed[row.text], "main_is": keyed[row.main_text]}
            for row in rows
        ],
    )
