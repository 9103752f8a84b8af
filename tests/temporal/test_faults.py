"""What an answer of Temporal's means."""

import asyncio
from datetime import timedelta
from typing import Final

import pytest
from temporalio.client import Client
from temporalio.service import RetryConfig, RPCError, RPCStatusCode

from cli.embedded import EmbeddedTemporal
from core.errors import Unavailable
from temporal.faults import TemporalFault, as_unavailable
from tests.eventually import HANG

# HTTP/2 (RFC 9113): what a connection begins with and the head of a frame, in bytes.
PREFACE: Final = 24
FRAME_HEAD: Final = 9
DATA: Final = 0
HEADERS: Final = 1
END_STREAM: Final = 1


@pytest.mark.parametrize(
    "status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED]
)
def test_a_server_that_does_not_answer_is_unavailable(status: RPCStatusCode) -> None:
    assert isinstance(as_unavailable(RPCError("", status, b"")), Unavailable)


@pytest.mark.parametrize("status", [RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.NOT_FOUND])
def test_what_we_should_not_have_asked_is_a_fault_of_ours(status: RPCStatusCode) -> None:
    assert isinstance(as_unavailable(RPCError("", status, b"")), TemporalFault)


async def test_a_connection_that_breaks_off_in_the_middle_of_a_call_is_unavailable(
    temporal: EmbeddedTemporal,
) -> None:
    asked = asyncio.Event()
    host, _, port = temporal.address.partition(":")
    withheld = False

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(host, int(port))

        async def answer() -> None:
            while data := await answers.read(2**16):
                if not withheld:
                    writer.write(data)

        answering = asyncio.create_task(answer())
        requests.write(await reader.readexactly(PREFACE))
        while not asked.is_set():
            head = await reader.readexactly(FRAME_HEAD)
            requests.write(head + await reader.readexactly(int.from_bytes(head[:3])))
            # Before all of the request is here, it may count as one that was never sent.
            if withheld and head[3] in (DATA, HEADERS) and head[4] & END_STREAM:
                asked.set()
        answering.cancel()
        requests.close()
        writer.transport.abort()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as between:
        address = f"127.0.0.1:{between.sockets[0].getsockname()[1]}"
        client = await Client.connect(
            address, retry_config=RetryConfig(max_elapsed_time_millis=1, max_retries=0)
        )
        withheld = True
        with pytest.raises(RPCError) as broken:
            await client.service_client.check_health(timeout=timedelta(seconds=HANG))
        assert asked.is_set()
    assert isinstance(as_unavailable(broken.value), Unavailable)
    assert broken.value.status is RPCStatusCode.UNKNOWN
