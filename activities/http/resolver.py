"""The addresses of hosts, and whose fault it is if there are none."""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from itertools import islice
from typing import Final

from activities.http.failures import is_out_of_resources
from core.errors import JobError, NameNotFound, NameServersFailed, NamesUnavailable
from core.web.addresses import Address

RESOLVER_THREADS = 32
"""Threads of a resolver. Each lookup blocks one; the event loop's own pool has six on two cores."""

LOOKUP_TIMEOUT: Final = 10.0
"""Seconds after which a name server is taken not to answer: less than any exchange may take, whose
site would be blamed.
"""

NO_SUCH_NAME: Final = frozenset(
    {getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA") if hasattr(socket, name)}
)
"""The error numbers by which a name server says that there is no such name, or no address of it."""

MAX_NAMES_KNOWN: Final = 64
NAMES_TRIED: Final = 3
"""Names that had addresses and are looked up again to see whether any name resolves."""

NAMES_RETRY_DELAY: Final = timedelta(minutes=1)

Name = tuple[str, int]
"""A host, and a port of it."""


class SystemResolver:
    """A resolver that asks the operating system.

    Concurrent lookups of one name share a thread: a lookup cannot be cancelled, so a name whose
    servers do not answer would otherwise block every thread.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolve")
        self._lookups: dict[Name, asyncio.Future[list[str]]] = {}
        # When each name was last resolved, in seconds of the monotonic clock, the latest last.
        self._resolved: OrderedDict[Name, float] = OrderedDict()

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """The addresses of `host`.

        Raises NameNotFound if there are none, or no name can be so long. Raises NameServersFailed
        if the name servers of the host do not say. Raises NamesUnavailable if no name resolves, as
        far as names are known that did; also for a name that is said not to exist although it did
        before. Raises OSError if this machine is out of resources.
        """
        began = time.monotonic()
        try:
            return await self._look_up((host, port))
        except UnicodeError as error:
            raise NameNotFound(f"{host} is no name of a host.") from error
        except OSError as error:
            if is_out_of_resources(error):
                raise
            raise await self._failure((host, port), error, began) from error

    async def _look_up(self, name: Name) -> Sequence[Address]:
        """The addresses of the name. Raises OSError, and TimeoutError, if there are none."""
        lookup = self._lookups.get(name)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = loop.run_in_executor(self._threads, _resolve, *name)
            self._lookups[name] = lookup
            lookup.add_done_callback(partial(self._done, name))
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            found = await asyncio.shield(lookup)
        self._resolved[name] = time.monotonic()
        self._resolved.move_to_end(name)
        if len(self._resolved) > MAX_NAMES_KNOWN:
            self._resolved.popitem(last=False)
        return [ip_address(each) for each in found]

    async def _failure(self, name: Name, error: OSError, began: float) -> JobError:
        """What the failure of a lookup that began then means."""
        host, _ = name
        is_missing = isinstance(error, socket.gaierror) and error.errno in NO_SUCH_NAME
        resolves = None
        if not is_missing or name in self._resolved:
            resolves = await self._resolves_others(host, began)
        if is_missing and resolves is not False:
            return NameNotFound(f"The name {host} cannot be resolved.")
        if resolves:
            return NameServersFailed(f"The name servers of {host} do not answer.")
        return NamesUnavailable(
            f"Diffy cannot resolve {host} now: its own name server does not answer.",
            NAMES_RETRY_DELAY,
        )

    async def _resolves_others(self, host: str, since: float) -> bool | None:
        """Whether names of other hosts resolve, or have done so since then; None if none is known.

        A lookup that fails says little: its own name servers may fail too. So several are tried.
        """
        others = [each for each in reversed(self._resolved) if each[0] != host]
        if not others:
            return None
        if self._resolved[others[0]] >= since:
            return True
        tried = await asyncio.gather(
            *map(self._look_up, islice(others, NAMES_TRIED)), return_exceptions=True
        )
        return any(not isinstance(each, BaseException) for each in tried)

    def _done(self, name: Name, lookup: asyncio.Future[list[str]]) -> None:
        del self._lookups[name]
        if not lookup.cancelled():
            lookup.exception()  # if no caller is left to read it, asyncio would log it

    def close(self) -> None:
        """Stop the threads, without waiting for lookups in progress."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
