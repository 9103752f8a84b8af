"""An unknown id and a foreign one cost the same questions, so that no clock tells them apart.

`python -m benchmarks.fuzz_api` compares the times themselves.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.api.operations import operations
from tests.api.test_tenancy import BODIES, owned
from tests.site import FakeSite
from tests.system import System


class Ledger:
    """The statements and the calls of Temporal that requests have cost."""

    def __init__(self) -> None:
        self._asked: list[str] = []

    def note_statement(self, *cursor: Any) -> None:
        """As SQLAlchemy tells of one that is about to be executed."""
        self._asked.append(cursor[2])

    def note_call(self, rpc: str) -> None:
        """A call of Temporal."""
        self._asked.append(rpc)

    def taken(self) -> list[str]:
        """What was asked since the last time, in order."""
        asked, self._asked = self._asked, []
        return asked


@pytest.fixture
def ledger(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """What this process asks of the database and of Temporal."""
    ledger = Ledger()
    service = type(system.client.service_client)
    real = service._rpc_call

    async def noted(self: Any, rpc: str, *arguments: Any, **named: Any) -> Any:
        ledger.note_call(rpc)
        return await real(self, rpc, *arguments, **named)

    monkeypatch.setattr(service, "_rpc_call", noted)
    event.listen(Engine, "before_cursor_execute", ledger.note_statement)
    yield ledger
    event.remove(Engine, "before_cursor_execute", ledger.note_statement)


async def test_unknown_and_foreign_ids_cost_the_same_questions(
    system: System, site: FakeSite, ledger: Ledger
) -> None:
    theirs = await owned(system, site)
    compared = []
    async with await system.another_organisation() as stranger:
        for route in operations(system):
            if "{" not in route.path:
                continue
            costs = []
            for target in (
                route.target(**theirs),
                route.target(job_id=f"crawl-{uuid4().hex}"),
                route.target(**theirs),
            ):
                ledger.taken()
                body = BODIES.get(route.path, {}) if route.takes_body else None
                answer = await stranger.request(route.method, target, json=body)
                assert answer.status_code == 404, str(route)
                costs.append(ledger.taken())
            assert costs[0], str(route)
            assert costs[1] == costs[0] == costs[2], str(route)
            compared.append(str(route))
        for path, name in (("jobs", "domainId"), ("jobs/stats", "pageId"), ("changes", "pageId")):
            ledger.taken()
            kind = "domain_id" if name == "domainId" else "page_id"
            costs = []
            for value in (theirs[kind], uuid4()):
                await stranger.get(f"/api/{path}?{name}={value}")
                costs.append(sorted(ledger.taken()))
            assert costs[0] == costs[1], path
    assert len(compared) >= 20
