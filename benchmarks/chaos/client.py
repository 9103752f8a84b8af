"""A client of an API that may be away, and what it was answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from benchmarks.system import KEY

ANSWERED_WITHIN: Final = 15.0
"""Seconds within which every request must be answered, whatever is dead: a writer waits ten for the
lock of SQLite."""

GIVES_UP_AFTER: Final = 40.0
"""Seconds that a request is waited for, to tell a late answer from none."""


@dataclass(frozen=True)
class Answer:
    """What came back; `status` is 0 where the connection was refused or broke."""

    status: int
    data: Any
    meta: Any
    sent: float
    received: float

    @property
    def ok(self) -> bool:
        """Whether it was taken on, or told."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Done:
    """A request that was carried out under its key, and what was answered."""

    method: str
    path: str
    body: object
    data: Any


@dataclass
class Client:
    """Asks, and keeps in `wrong` what no outage excuses; `done` is what it asked for under a key,
    by that.
    """

    origin: str
    answers: Counter[int] = field(default_factory=Counter)
    slowest: float = 0
    wrong: list[str] = field(default_factory=list)
    done: dict[str, Done] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._http = httpx2.AsyncClient(
            base_url=self.origin,
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=GIVES_UP_AFTER,
            limits=httpx2.Limits(max_connections=100),
        )

    async def ask(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> Answer:
        """One request, under an Idempotency-Key where one is given."""
        headers = {"Idempotency-Key": key} if key else {}
        sent = time.monotonic()
        try:
            answer = await self._http.request(method, path, json=body, headers=headers)
        except httpx2.TransportError as error:
            took = time.monotonic() - sent
            if took > ANSWERED_WITHIN:
                self.wrong.append(f"{method} {path}: {type(error).__name__} after {took:.1f} s")
            self.answers[0] += 1
            return Answer(0, None, None, sent, time.monotonic())
        received = time.monotonic()
        self._judge(f"{method} {path}", answer, received - sent)
        told = answer.json() if answer.content else {}
        if key and answer.is_success:
            self.done.setdefault(key, Done(method, path, body, told.get("data")))
        return Answer(answer.status_code, told.get("data"), told.get("meta"), sent, received)

    async def get(self, path: str) -> Any:
        """The `data` of an answer, asked for until there is one."""
        return (await self.insist("GET", path)).data

    async def insist(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> Answer:
        """Ask until the answer is neither an outage's nor none."""
        while True:
            answer = await self.ask(method, path, body, key=key)
            if answer.status not in (0, 429, 503):
                return answer
            await asyncio.sleep(0.1)

    async def every(self, path: str) -> list[Any]:
        """All rows of a list, page by page."""
        rows: list[Any] = []
        cursor: str | None = ""
        mark = "&" if "?" in path else "?"
        while cursor is not None:
            given = f"&cursor={cursor}" if cursor else ""
            answer = await self.insist("GET", f"{path}{mark}limit=100{given}")
            rows += answer.data
            cursor = answer.meta["nextCursor"]
        return rows

    async def alert(self, channel: Mapping[str, object]) -> None:
        """Have a new channel told of every change."""
        made = await self.insist("POST", "/api/channels", channel)
        body = {"name": "all", "channelIds": [made.data["id"]], "on": {"events": ["change"]}}
        await self.insist("POST", "/api/alerts", body)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    def _judge(self, asked: str, answer: httpx2.Response, took: float) -> None:
        self.answers[answer.status_code] += 1
        self.slowest = max(self.slowest, took)
        if took > ANSWERED_WITHIN:
            self.wrong.append(f"{asked}: {answer.status_code} after {took:.1f} s")
        if answer.status_code >= 500 and answer.status_code != 503:
            self.wrong.append(f"{asked}: {answer.status_code} {answer.text[:200]}")
        if answer.status_code in (429, 503) and "Retry-After" not in answer.headers:
            self.wrong.append(f"{asked}: {answer.status_code} without Retry-After")
