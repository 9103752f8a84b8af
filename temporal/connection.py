"""The connection to Temporal."""

import asyncio
import os
import time
from typing import Final

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RetryConfig

from core.errors import Unavailable
from core.settings import Settings
from temporal.deadlines import CALL_TIMEOUT, CallDeadlines
from temporal.inputs import DATA_CONVERTER

PATIENCE: Final = 60.0
"""Seconds that a process waits for Temporal at its start."""

BRIEF_RETRIES: Final = RetryConfig(max_elapsed_time_millis=1000)
"""For calls that a person waits for: a hiccup is got over, an outage is told at once."""


async def connect(
    settings: Settings, *, patience: float = PATIENCE, retries: RetryConfig | None = None
) -> Client:
    """A client of the Temporal server of the settings, once it answers.

    `retries` says how long it tries a call again; the SDK's default is ten seconds. Raises
    Unavailable when the server has not answered for `patience` seconds.
    """
    target = settings.temporal_address or f"127.0.0.1:{settings.temporal_port}"
    deadline = time.monotonic() + patience
    while True:
        try:
            async with asyncio.timeout(CALL_TIMEOUT.total_seconds()):
                return await _connect(settings, target, retries)
        except (RuntimeError, TimeoutError) as error:
            # The first is what the SDK raises when the server cannot be reached.
            if time.monotonic() > deadline:
                raise Unavailable(f"Temporal at {target} does not answer.") from error
        await asyncio.sleep(0.2)


async def _connect(settings: Settings, target: str, retries: RetryConfig | None) -> Client:
    config = ClientConnectConfig(target_host=target)
    if settings.temporal_address is not None:
        config = ClientConfig.load_client_connect_config(
            disable_file=True,
            override_env_vars={**os.environ, "TEMPORAL_ADDRESS": settings.temporal_address},
        )
    return await Client.connect(
        **config,
        data_converter=DATA_CONVERTER,
        interceptors=[CallDeadlines()],
        retry_config=retries,
    )
