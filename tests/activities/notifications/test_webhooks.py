"""What a webhook is sent and where, and what its answers mean."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from activities.http.network import GuardedBackend
from activities.notifications import webhooks
from activities.notifications.webhooks import Webhooks
from core.alerts.attempts import Attempt, Result
from core.alerts.messages import of_test
from core.alerts.signing import new_secret
from core.settings import Settings
from core.web.addresses import Address
from core.web.secrets import SecretBox
from store.channels import rotate
from store.secretkey import SecretKey
from store.tables.alerts import Channel, ChannelKind
from tests.receiver import Receiver
from tests.store.rows import NOON

MESSAGE = of_test(uuid4(), uuid4(), NOON)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks."""
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    """The key of the store's secrets."""
    return SecretKey(Settings(data_dir=tmp_path, secret_key="k" * 40)).for_sealing()


async def on_loopback(_: str, _port: int) -> Sequence[Address]:
    """The address of any name."""
    return [ip_address("127.0.0.1")]


@asynccontextmanager
async def sender(*, private: bool = True) -> AsyncIterator[Webhooks]:
    """What sends webhooks."""
    made = Webhooks(GuardedBackend(on_loopback, allow_private_networks=private), "Diffy")
    yield made
    await made.aclose()


def channel_to(url: str, box: SecretBox, secret: str | None = None) -> Channel:
    """A channel to that URL."""
    return Channel(
        kind=ChannelKind.WEBHOOK,
        address=box.seal(url),
        secret=box.seal(secret or new_secret()),
    )


async def sent(url: str, box: SecretBox, *, private: bool = True) -> Attempt:
    """How a message to that URL ended."""
    async with sender(private=private) as found:
        return await found.send(channel_to(url, box), box, MESSAGE)


async def test_a_name_at_a_private_address_is_not_reached(
    receiver: Receiver, box: SecretBox
) -> None:
    url = receiver.url().replace("127.0.0.1", "hooks.example.com")
    attempt = await sent(url, box, private=False)
    assert attempt.result is Result.FAILED
    assert "hooks.example.com" in attempt.answer
    assert receiver.received == []
    assert (await sent(url, box)).result is Result.DELIVERED


async def test_a_redirect_is_not_followed(receiver: Receiver, box: SecretBox) -> None:
    receiver.answer = lambda got: (
        (307, {"Location": receiver.url("/other")}) if got.path == "/hook" else (204, {})
    )
    attempt = await sent(receiver.url(), box)
    assert attempt == Attempt(Result.FAILED, "307 x")
    assert [each.path for each in receiver.received] == ["/hook"]


async def test_what_is_not_answered_in_time_has_failed(
    box: SecretBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "WEBHOOK_TIMEOUT", timedelta(seconds=0.2))
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        attempt = await sent(f"http://127.0.0.1:{port}/hook", box)
    assert attempt == Attempt(Result.FAILED, "127.0.0.1 did not answer within 0.2 s.")
    assert asked.is_set()


@pytest.mark.parametrize(
    ("status", "header", "result", "wait"),
    [
        (200, None, Result.DELIVERED, None),
        (410, None, Result.GONE, None),
        (404, None, Result.FAILED, None),
        (503, "120", Result.FAILED, timedelta(minutes=2)),
        (429, "soon", Result.FAILED, None),
    ],
)
async def test_what_an_answer_means(
    receiver: Receiver,
    box: SecretBox,
    status: int,
    header: str | None,
    result: Result,
    wait: timedelta | None,
) -> None:
    headers = {"Retry-After": header} if header else {}
    receiver.answer = lambda _: (status, headers)
    assert await sent(receiver.url(), box) == Attempt(result, f"{status} x", wait)


async def test_both_secrets_of_a_rotated_channel_sign_until_the_old_one_ends(
    receiver: Receiver, box: SecretBox
) -> None:
    old, new = new_secret(), new_secret()
    channel = channel_to(receiver.url(), box, old)
    async with sender() as webhooks:
        await webhooks.send(channel, box, MESSAGE)
        rotate(channel, box.seal(new), datetime.now(UTC) + timedelta(hours=1))
        await webhooks.send(channel, box, MESSAGE)
        channel.previous_until = datetime.now(UTC)
        await webhooks.send(channel, box, MESSAGE)
    before, both, after = receiver.received
    for got, secrets in ((before, {old}), (both, {old, new}), (after, {new})):
        assert len(got.headers["webhook-signature"].split()) == len(secrets)
        for secret in (old, new):
            if secret in secrets:
                assert got.verified(secret)["type"] == "channel.test"
            else:
                with pytest.raises(WebhookVerificationError):
                    got.verified(secret)
