"""Temporal behind TLS that asks for a certificate, as a cluster or Temporal Cloud has it."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from core.errors import Unavailable
from core.settings import Settings
from temporal.certificates import certificate_problem
from temporal.connection import BRIEF_RETRIES, connect
from tests.certificates import Authority, TlsFront
from tests.eventually import eventually


def target_of(client: Client) -> str:
    """Where a client finds its server."""
    return client.service_client.config.target_host


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
    async with TlsFront(target_of(client), authority, mutual=True) as front:
        chosen = settings.model_copy(update={"temporal_address": front.address})
        over_tls = await connect(chosen)
        assert await over_tls.service_client.check_health()


async def test_without_a_certificate_that_it_trusts_a_server_does_not_answer(
    settings: Settings, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, stranger = Authority.new(tmp_path / "ours"), Authority.new(tmp_path / "other")
    environment(monkeypatch, authority.folder / "ca.pem", *stranger.issue("worker"))
    async with TlsFront(target_of(client), authority, mutual=True) as front:
        chosen = settings.model_copy(update={"temporal_address": front.address})
        with pytest.raises(Unavailable, match=front.address):
            await connect(chosen, patience=0)


async def test_a_certificate_that_expires_is_told_and_a_new_one_needs_no_restart(
    settings: Settings, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.new(tmp_path / "ours")
    environment(monkeypatch, authority.folder / "ca.pem", *authority.issue("worker"))
    async with TlsFront(target_of(client), authority, mutual=True) as front:
        chosen = settings.model_copy(update={"temporal_address": front.address})
        over_tls = await connect(chosen, retries=BRIEF_RETRIES)

        async def serves() -> bool:
            try:
                return await over_tls.service_client.check_health()
            except RPCError:
                return False

        assert (await problem(front.address), await serves()) == (None, True)
        await front.use(expired=True)
        assert "certificate has expired" in (await problem(front.address) or "")
        await eventually(serves, lambda well: not well)
        await front.use(expired=False)
        await eventually(serves, bool)
        monkeypatch.setenv(
            "TEMPORAL_TLS_CLIENT_CERT_PATH", str(authority.issue("worker", expired=True)[0])
        )
        assert "client's certificate has expired" in (await problem(front.address) or "")


async def problem(address: str) -> str | None:
    """What is wrong with the certificates. The server is in this event loop."""
    return await asyncio.to_thread(certificate_problem, address)
