"""Connects to Temporal."""

import asyncio
import os
import time
from typing import Final

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import RetryConfig

from core.errors import Unavailable
from core.settings import Settings
from temporal.deadlines import CALL_TIMEOUT, CallDeadlines
from temporal.inputs import DATA_CONVERTER
from temporal.tracing import tracing_interceptors

CONNECT_TIMEOUT: Final = 60.0
"""Seconds that a process waits for Temporal when it starts."""

BRIEF_RETRIES: Final = RetryConfig(max_elapsed_time_millis=1000)
"""For calls that a client waits for: they survive a hiccup, and report an outage at once."""


async def connect(
    settings: Settings,
    *,
    retries: RetryConfig | None = None,
    patience: float = CONNECT_TIMEOUT,
    runtime: Runtime | None = None,
) -> Client:
    """A client of the Temporal server of the settings, once the server answers.

    `retries` limits how long it retries a call; the SDK's default is ten seconds. Raises
    Unavailable if the server does not answer within `patience` seconds.
    """
    target = settings.temporal_address or f"127.0.0.1:{settings.temporal_port}"
    deadline = time.monotonic() + patience
    while True:
        try:
            async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
                return await _connect(settings, target, retries, runtime)
        except (RuntimeError, TimeoutError) as error:
            # The SDK raises RuntimeError if it cannot reach the server.
            if time.monotonic() > deadline:
                raise Unavailable(f"Temporal at {target} does not answer.") from error
        await asyncio.sleep(0.2)


async def _connect(
    settings: Settings, target: str, retries: RetryConfig | None, runtime: Runtime | None
) -> Client:
    config = ClientConnectConfig(target_host=target)
    if settings.temporal_address is not None:
        config = ClientConfig.load_client_connect_config(
            disable_file=True,
            override_env_vars={**os.environ, "TEMPORAL_ADDRESS": settings.temporal_address},
        )
    return await Client.connect(
        **config,
        data_converter=DATA_CONVERTER,
        interceptors=[*tracing_interceptors(), CallDeadlines()],
        retry_config=retries,
        runtime=runtime,
    )
