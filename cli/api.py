"""The API as a process: wires settings, client, store and application, serves HTTP."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.deps import services_of
from api.limits import LARGEST_HEAD
from cli.connections import Connection
from cli.keys import ensure_bootstrap_key, opened
from core.settings import Settings
from temporal.connection import BRIEF_RETRIES, connect
from temporal.namespace import prepare_namespace

DRAIN: Final = timedelta(seconds=5)
"""How long requests under way may go on after a stop was asked for."""


class ApiServer(uvicorn.Server):
    """A server that says when it listens and leaves signals to its owner."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def drain(self) -> None:
        """Take no more requests and end once those under way are answered."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the original ends the process by the signal, before anything is closed."""
        yield


def server_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """How `app` is served.

    `limit_concurrency` is left out: its answer is plain text, and it counts those who wait for
    jobs. `Connection` and the files that the process may open are the limit.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(DRAIN.total_seconds()),
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )


async def serve_api(settings: Settings, ready: Callable[[], None]) -> None:
    """Serve the API until SIGINT or SIGTERM; `ready` is called once it listens.

    Raises Unavailable when Temporal does not answer within a minute, or the database at all.
    """
    async with opened(settings) as database:
        await ensure_bootstrap_key(settings, database)
        client = await connect(settings, retries=BRIEF_RETRIES)
        await prepare_namespace(client, timedelta(days=settings.job_retention_days))
        app = create_app(settings, client, database)
        server = ApiServer(server_config(app, settings.api_host, settings.api_port), ready)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            services_of(app).watch.close()
            server.drain()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        await server.serve()
