"""Requests made up from the API's own documentation: no 500, and nothing that is not documented."""

import asyncio
from typing import Final

from tests.api.fuzzing import Fuzzer
from tests.api.operations import operations
from tests.api.served import served
from tests.api.test_tenancy import owned
from tests.site import FakeSite
from tests.system import System

EXAMPLES: Final = 12
"""Of each route; `python -m benchmarks.fuzz_api` sends many more."""


async def test_answers_to_made_up_requests_are_as_documented(
    system: System, site: FakeSite
) -> None:
    mine = await owned(system, site)
    async with await system.another_organisation() as other:
        theirs = await owned(
            System(system.settings, system.client, system.database, system.app, other), site
        )
    known = {name: [mine[name], theirs[name]] for name in mine}
    key = system.api.headers["Authorization"].removeprefix("Bearer ")
    async with served(system.app) as http:
        fuzzer = Fuzzer(http.origin, key, system.app.openapi(), known)
        found = await asyncio.to_thread(lambda: list(fuzzer.run(EXAMPLES)))
    assert [failure for figures in found for failure in figures.failures] == []
    assert {figures.route for figures in found} == {str(route) for route in operations(system)}
    for figures in found:
        assert figures.sent, figures
        if figures.route.startswith("GET"):
            assert figures.statuses[200], figures
