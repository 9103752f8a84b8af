"""Requests made up from the API's own documentation: no 500, and nothing that is not documented."""

import asyncio
from typing import TYPE_CHECKING, Final

from tests.api.operations import operations
from tests.api.served import Served, served
from tests.api.test_tenancy import owned
from tests.site import FakeSite
from tests.system import System

if TYPE_CHECKING:
    from tests.api.fuzzing import Fuzzer

EXAMPLES: Final = 6
"""Of each route; `python -m benchmarks.fuzz_api` sends many more."""


async def fuzzer_of(
    system: System, http: Served, site: FakeSite, mine: dict[str, str], theirs: dict[str, str]
) -> "Fuzzer":
    """A fuzzer with the key of who owns `mine`, and some jobs that have not finished."""
    # Slow to load; each process that runs tests reads all of them.
    from tests.api.fuzzing import Fuzzer

    later = [
        await system.ask(f"/api/pages/{mine['page_id']}/crawl", delaySeconds=3600) for _ in range(3)
    ]
    return Fuzzer(
        http.origin,
        system.api.headers["Authorization"].removeprefix("Bearer "),
        system.app.openapi(),
        {name: [mine[name], theirs[name]] for name in mine},
        later,
        site.origin,
    )


async def test_answers_to_made_up_requests_are_as_documented(
    system: System, site: FakeSite
) -> None:
    mine = await owned(system, site)
    async with await system.another_organisation() as other:
        theirs = await owned(
            System(system.settings, system.client, system.database, system.app, other), site
        )
    async with served(system.app) as http:
        fuzzer = await fuzzer_of(system, http, site, mine, theirs)
        found = await asyncio.to_thread(lambda: list(fuzzer.run(EXAMPLES)))
    assert [failure for figures in found for failure in figures.failures] == []
    assert {figures.route for figures in found} == {str(route) for route in operations(system)}
    assert all(figures.sent for figures in found)
    reached = [figures.route for figures in found if min(figures.statuses) < 400]
    assert len(reached) > len(found) / 2, reached
