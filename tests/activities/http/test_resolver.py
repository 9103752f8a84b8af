"""Names and their addresses, and who is at fault if there are none."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from activities.http.resolver import RESOLVER_THREADS, SystemResolver
from core.errors import JobError, NameNotFound, NameServersFailed, NamesUnavailable

HERE = [ip_address("127.0.0.1")]
MISSING = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
FAILS = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


async def test_the_system_resolves_names_of_this_machine() -> None:
    resolver = SystemResolver()
    found = await resolver("localhost", 80)
    assert set(found) <= {ip_address("127.0.0.1"), ip_address("::1")}
    assert len(found) == len(set(found)) > 0
    resolver.close()


async def test_a_name_that_is_not_answered_for_keeps_no_other_one_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering = threading.Event()
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        if host == "slow.example":
            answering.wait()
        return ["127.0.0.1"]

    monkeypatch.setattr("activities.http.resolver._resolve", resolve)
    resolver = SystemResolver()
    waiting = [
        asyncio.create_task(resolver("slow.example", 80)) for _ in range(2 * RESOLVER_THREADS)
    ]
    try:
        async with asyncio.timeout(10):
            assert await resolver("shop.example", 80) == [ip_address("127.0.0.1")]
        for task in waiting[1:]:
            task.cancel()
        waiting.append(asyncio.create_task(resolver("slow.example", 80)))
    finally:
        answering.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[0] == answers[-1] == [ip_address("127.0.0.1")]
    assert asked.count("slow.example") == 1
    await resolver("slow.example", 80)
    assert asked.count("slow.example") == 2, "an answer is not kept"
    resolver.close()


class Names:
    """What a name server says; without an answer of its own a name has an address."""

    def __init__(self) -> None:
        self.answers: dict[str, Exception] = {}
        self.of_all: Exception | None = None

    def __call__(self, host: str, port: int) -> list[str]:
        error = self.answers.get(host) or self.of_all
        if error is not None:
            raise error
        return ["127.0.0.1"]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """The name server of this machine."""
    names = Names()
    monkeypatch.setattr("activities.http.resolver._resolve", names)
    return names


@pytest.fixture
def resolver(names: Names) -> Iterator[SystemResolver]:
    """A resolver that has resolved nothing yet."""
    resolver = SystemResolver()
    yield resolver
    resolver.close()


@pytest.mark.parametrize("error", [MISSING, FAILS, OSError("without a number"), TimeoutError()])
async def test_no_site_is_blamed_while_no_name_resolves(
    names: Names, resolver: SystemResolver, error: Exception
) -> None:
    for host in ("a.example", "b.example", "c.example"):
        await resolver(host, 80)
    names.of_all = error
    failures = await asyncio.gather(
        *(resolver(host, 80) for host in ("a.example", "b.example")), return_exceptions=True
    )
    assert [type(each) for each in failures] == [NamesUnavailable, NamesUnavailable]
    names.of_all = None
    assert await resolver("a.example", 80) == HERE


@pytest.mark.parametrize(
    ("error", "blame"),
    [(MISSING, NameNotFound), (FAILS, NameServersFailed), (TimeoutError(), NameServersFailed)],
)
async def test_a_site_is_blamed_while_others_resolve(
    names: Names, resolver: SystemResolver, error: Exception, blame: type[JobError]
) -> None:
    for host in ("a.example", "broken.example"):
        await resolver(host, 80)
    names.answers = {"a.example": error, "broken.example": FAILS}
    await resolver("b.example", 80)
    with pytest.raises(blame, match=r"a\.example"):
        await resolver("a.example", 80)


async def test_a_name_that_never_was_is_not_found_whatever_else_is(
    names: Names, resolver: SystemResolver
) -> None:
    names.of_all = MISSING
    with pytest.raises(NameNotFound):
        await resolver("no.example", 80)


async def test_a_failure_by_itself_is_not_taken_for_one_of_the_site(
    names: Names, resolver: SystemResolver
) -> None:
    names.of_all = FAILS
    with pytest.raises(NamesUnavailable, match="does not answer"):
        await resolver("only.example", 80)


async def test_a_name_server_that_is_silent_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.http.resolver.LOOKUP_TIMEOUT", 0.01)
    answering = threading.Event()

    def silent(host: str, port: int) -> list[str]:
        answering.wait()
        return ["127.0.0.1"]

    monkeypatch.setattr("activities.http.resolver._resolve", silent)
    resolver = SystemResolver()
    try:
        with pytest.raises(NamesUnavailable):
            await resolver("a.example", 80)
    finally:
        answering.set()
        resolver.close()


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", ".example"])
async def test_what_can_be_no_name_is_not_found(host: str) -> None:
    resolver = SystemResolver()
    try:
        with pytest.raises(NameNotFound, match="no name of a host"):
            await resolver(host, 80)
    finally:
        resolver.close()
