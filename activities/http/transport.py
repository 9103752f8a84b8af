"""The transport of httpx2 on a guarded network backend."""

import functools
import ssl
from typing import Final

import httpcore2
import httpx2

from activities.http.network import GuardedBackend

MAX_IDLE_CONNECTIONS: Final = 40
"""Maximum number of idle connections, over all hosts."""


@functools.cache
def trusted_authorities() -> ssl.SSLContext:
    """The TLS context with the system's certificate authorities, which take 25 ms to load."""
    return httpx2.create_ssl_context(trust_env=False)


def guarded_transport(backend: GuardedBackend) -> httpx2.AsyncHTTPTransport:
    """A transport whose connections are those of `backend`, without a bound of their number."""
    trusted = trusted_authorities()
    transport = httpx2.AsyncHTTPTransport(verify=trusted, trust_env=False)
    # The transport has no parameter for a network backend; a test fails if `_pool` moves.
    transport._pool = httpcore2.AsyncConnectionPool(
        ssl_context=trusted,
        # A wait for the pool could not be told from a wait for the site.
        max_connections=None,
        max_keepalive_connections=MAX_IDLE_CONNECTIONS,
        keepalive_expiry=5.0,
        network_backend=backend,
    )
    return transport
