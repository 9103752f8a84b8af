"""The revisions of the schema that this version of Diffy knows. Does not import SQLAlchemy."""

from functools import cache
from pathlib import Path
from typing import Final

MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"


@cache
def revisions() -> tuple[str, ...]:
    """The revisions that this version of Diffy knows, oldest first: the names of their files begin
    with them.
    """
    names = sorted(each.name for each in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    return tuple(name.partition("_")[0] for name in names)
