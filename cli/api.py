"""The API process: wires the application and serves HTTP."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Final

import uvicorn
from fastapi import FastAPI
from temporalio.client import Client

from activities.extraction.main_texts import MainTexts
from activities.extraction.processes import stop_resource_tracker
from api.app import create_app
from api.deps import services_of
from api.limits import MAX_HEAD_SIZE
from cli.connections import Connection
from cli.keys import ensure_bootstrap_key, opened
from core.settings import Settings
from store.secretkey import SecretKey
from temporal.connection import BRIEF_RETRIES, connect
from temporal.monitoring import logging_runtime, serving_metrics, watching
from temporal.namespace import prepare_namespace

REQUEST_DRAIN_TIMEOUT: Final = timedelta(seconds=5)
"""Time for requests under way to finish after a stop."""


class ApiServer(uvicorn.Server):
    """A uvicorn server that calls `ready` once it listens, and handles no signals."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then call `ready`."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def drain(self) -> None:
        """Accept no more requests, and end once those under way are answered."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: uvicorn would end the process by the signal before it is closed."""
        yield


def server_config(app: FastAPI, host: str, port: int, proxies: str = "127.0.0.1") -> uvicorn.Config:
    """The configuration of the server, which believes `proxies` whom they forward.

    `limit_concurrency` is not set: its answer is plain text, and it would count requests that wait
    for jobs. `Connection` limits the connections by the number of files that the process may open.
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
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=int(REQUEST_DRAIN_TIMEOUT.total_seconds()),
        h11_max_incomplete_event_size=MAX_HEAD_SIZE,
    )


@asynccontextmanager
async def _noting_uses(app: FastAPI) -> AsyncIterator[None]:
    """Write when keys were used and what they did for the length of the block, and at its end."""
    services = services_of(app)
    writers = [
        asyncio.create_task(each)
        for each in (services.key_uses.keep_writing(), services.audit_log.keep_flushing())
    ]
    try:
        yield
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.wait(writers)


@asynccontextmanager
async def _monitored(settings: Settings, app: FastAPI, client: Client) -> AsyncIterator[None]:
    """Serve the metrics of the API for the length of the block, if their port is set."""
    if settings.api_metrics_port is None:
        yield
        return
    with serving_metrics(settings.metrics_host, settings.api_metrics_port):
        async with watching(client, services_of(app).readiness):
            yield


async def serve_api(settings: Settings, ready: Callable[[], None]) -> None:
    """Serve the API until SIGINT or SIGTERM. `ready` is called once it listens.

    Raises Unavailable if Temporal does not answer within a minute, or the database cannot be
    reached.
    """
    async with opened(settings) as database:
        await ensure_bootstrap_key(settings, database)
        client = await connect(settings, retries=BRIEF_RETRIES, runtime=logging_runtime())
        await prepare_namespace(client, timedelta(days=settings.job_retention_days))
        main_texts = MainTexts(database, SecretKey(settings))
        app = create_app(settings, client, database, main_texts)
        config = server_config(
            app, settings.api_host, settings.api_port, settings.forwarded_allow_ips
        )
        server = ApiServer(config, ready)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            services_of(app).watch.close()
            server.drain()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        try:
            async with _noting_uses(app), _monitored(settings, app, client):
                await server.serve()
        finally:
            main_texts.close()
            stop_resource_tracker()
