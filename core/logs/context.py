"""What the lines of a task are about."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars


def logging_about(*, org_id: UUID | None = None, domain_id: UUID | None = None) -> None:
    """Name the organisation and the domain in all further lines of this task, as far as given."""
    about = {"org_id": org_id, "domain_id": domain_id}
    bind_contextvars(**{name: str(each) for name, each in about.items() if each is not None})


def log_field(name: str) -> str | None:
    """What the lines of this task say of `name`."""
    found = get_contextvars().get(name)
    return None if found is None else str(found)


@contextmanager
def own_log_fields(**fields: str) -> Iterator[None]:
    """Give the lines of the block `fields` and those that it names itself, and no others."""
    before = get_contextvars()
    clear_contextvars()
    bind_contextvars(**fields)
    try:
        yield
    finally:
        clear_contextvars()
        bind_contextvars(**before)
