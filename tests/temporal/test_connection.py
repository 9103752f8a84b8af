"""Temporal behind TLS that asks for a certificate, as a cluster or Temporal Cloud has it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from temporalio.client import Client

from core.errors import Unavailable
from core.settings import Settings
from temporal.connection import connect
from tests.certificates import Authority


@asynccontextmanager
async def behind_tls(target: str, authority: Authority) -> AsyncIterator[str]:
    """The address at which `target` is reached over TLS by holders of a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    context.load_verify_locations(authority.folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")
    forwarding: set[asyncio.Task[None]] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, ssl.SSLError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_connection(host, int(port))
        for work in (forward(reader, their_writer), forward(their_reader, writer)):
            task = asyncio.create_task(work)
            forwarding.add(task)
            task.add_done_callback(forwarding.discard)

    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for task in forwarding:
        task.cancel()
    await asyncio.gather(*forwarding, return_exceptions=True)


def environment(monkeypatch: pytest.MonkeyPatch, ca: Path, certificate: Path, key: Path) -> None:
    """Set what the SDK reads."""
    monkeypatch.setenv("TEMPORAL_TLS", "true")
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(ca))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(certificate))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(key))


async def test_a_server_that_asks_for_a_certificate_gets_ours(
    settings: Settings, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.new(tmp_path / "ours")
    environment(monkeypatch, authority.folder / "ca.pem", *authority.issue("worker"))
    async with behind_tls(client.service_client.config.target_host, authority) as address:
        chosen = settings.model_copy(update={"temporal_address": address})
        over_tls = await connect(chosen)
        assert await over_tls.service_client.check_health()


async def test_without_a_certificate_that_it_trusts_a_server_does_not_answer(
    settings: Settings, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, stranger = Authority.new(tmp_path / "ours"), Authority.new(tmp_path / "other")
    environment(monkeypatch, authority.folder / "ca.pem", *stranger.issue("worker"))
    async with behind_tls(client.service_client.config.target_host, authority) as address:
        chosen = settings.model_copy(update={"temporal_address": address})
        with pytest.raises(Unavailable, match=address):
            await connect(chosen, patience=0)
