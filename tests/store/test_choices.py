"""What people choose from."""

from sqlalchemy.ext.asyncio import AsyncSession

from store.choices import newest_and, owned_urls
from store.tables.domains import Domain
from tests.store.rows import new_domain, new_organisation, new_page


async def test_the_newest_are_offered_and_what_was_named_but_nothing_of_others(
    session: AsyncSession,
) -> None:
    org_id, other = [await new_organisation(session) for _ in range(2)]
    ids = [(await new_domain(session, org_id, f"{n}.example")).id for n in range(4)]
    theirs = await new_domain(session, other)
    found = await newest_and(session, Domain, org_id, 2, {ids[0], ids[3], theirs.id})
    assert [each.id for each in found] == [ids[3], ids[2], ids[0]]
    own, foreign = await new_page(session, ids[0]), await new_page(session, theirs.id)
    named = {own.id, foreign.id}
    assert await owned_urls(session, org_id, named) == {own.id: own.url}
