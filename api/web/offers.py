"""What forms and filters offer to choose from: the newest of a kind, and what is chosen already."""

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar
from uuid import UUID

from api.web.session import OwnerDep
from store.choices import newest_and, owned_urls
from store.db.engine import Database
from store.tables.alerts import Alert, Channel
from store.tables.domains import Domain

Named = TypeVar("Named", Channel, Alert)

OFFERED: Final = 100
"""How many of a kind are offered; the newest ones. What is named already comes on top."""


async def domain_choices(
    database: Database, owner: OwnerDep, also: Iterable[UUID | None] = ()
) -> list[Domain]:
    """The newest domains, and those of `also` that exist, by name."""
    async with database.reading() as session:
        found = await newest_and(session, Domain, owner.org_id, OFFERED, _set_of(also))
    return sorted(found, key=lambda domain: domain.display_name.casefold())


def domain_names(domains: Iterable[Domain]) -> dict[UUID, str]:
    """The names of domains, in their order."""
    return {each.id: each.display_name for each in domains}


async def channel_names(
    database: Database, owner: OwnerDep, also: Iterable[UUID | None] = ()
) -> dict[UUID, str]:
    """The names of the newest channels, and of those of `also` that exist, newest first."""
    return await _names(database, owner, Channel, also)


async def alert_names(
    database: Database, owner: OwnerDep, also: Iterable[UUID | None] = ()
) -> dict[UUID, str]:
    """The names of the newest alerts, and of those of `also` that exist, newest first."""
    return await _names(database, owner, Alert, also)


async def _names(
    database: Database,
    owner: OwnerDep,
    kind: type[Named],
    also: Iterable[UUID | None],
) -> dict[UUID, str]:
    async with database.reading() as session:
        found = await newest_and(session, kind, owner.org_id, OFFERED, _set_of(also))
    return {each.id: each.name for each in found}


async def page_urls(
    database: Database, owner: OwnerDep, page_ids: Iterable[UUID]
) -> dict[UUID, str]:
    """The URLs of those pages that exist."""
    async with database.reading() as session:
        return await owned_urls(session, owner.org_id, set(page_ids))


def ids_of(values: Iterable[str]) -> list[UUID]:
    """Those of the values of a field that are ids."""
    found = []
    for value in values:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


def _set_of(ids: Iterable[UUID | None]) -> set[UUID]:
    return {each for each in ids if each is not None}


def offered(
    known: Mapping[UUID, str], chosen: Iterable[str | UUID | None], noun: str
) -> dict[str, str]:
    """The names to offer, by id, with everything that is `chosen`.

    What does not exist any more is offered too: left out, it would be dropped in silence when the
    form is sent, and an alert or a filter without its last choice lets everything pass.
    """
    named = {str(each): name for each, name in known.items()}
    missing = [str(each) for each in chosen if each is not None and str(each) not in named]
    return named | {each: f"unknown {noun} {each}" for each in missing}
