"""Webhooks by the Standard Webhooks specification."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2

from activities.http.failures import to_job_error
from activities.http.network import GuardedBackend
from activities.http.responses import retry_after
from activities.http.transport import guarded_transport
from core.alerts.attempts import Attempt, Result
from core.alerts.messages import Notification, body_of
from core.alerts.signing import signature_headers
from core.errors import JobError, SecretsUnreadable
from core.web.secrets import SecretBox
from core.web.urls import host_of
from store.tables.alerts import Channel

WEBHOOK_TIMEOUT: Final = timedelta(seconds=20)
"""From connecting to the end of the head of the answer; the body is not read."""


class Webhooks:
    """Sends webhooks through `network`, which decides which addresses may be reached."""

    def __init__(self, network: GuardedBackend, user_agent: str) -> None:
        self._client = httpx2.AsyncClient(
            transport=guarded_transport(network),
            trust_env=False,
            follow_redirects=False,
            timeout=None,
            headers={"User-Agent": user_agent, "Accept": "*/*"},
        )

    async def send(self, channel: Channel, box: SecretBox, message: Notification) -> Attempt:
        """Send `message` to the webhook; how it ended. Redirects are not followed.

        No part of the answer's body and of the webhook's URL, which may be secrets, is kept.
        """
        try:
            assert channel.address is not None
            url = box.open(channel.address)
            secrets = [box.open(each) for each in _secrets(channel)]
        except SecretsUnreadable as error:
            return Attempt(Result.FAILED, error.message)
        body = body_of(message)
        signed = signature_headers(message.message_id, datetime.now(UTC), body, secrets)
        host = host_of(url)
        self._client.cookies.clear()
        try:
            async with (
                asyncio.timeout(WEBHOOK_TIMEOUT.total_seconds()),
                self._client.stream(
                    "POST",
                    url,
                    content=body,
                    headers={**signed, "Content-Type": "application/json"},
                ) as response,
            ):
                return _attempt(response)
        except TimeoutError:
            seconds = WEBHOOK_TIMEOUT.total_seconds()
            return Attempt(Result.FAILED, f"{host} did not answer within {seconds:g} s.")
        except JobError as error:
            return Attempt(Result.FAILED, error.message)
        except (httpx2.RequestError, httpx2.InvalidURL, ssl.SSLError) as error:
            return Attempt(Result.FAILED, to_job_error(error, host).message)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _secrets(channel: Channel) -> list[str]:
    """The sealed secrets that sign: of a rotation both, the new one first."""
    found = [channel.secret] if channel.secret else []
    still = channel.previous_until is not None and channel.previous_until > datetime.now(UTC)
    return [*found, channel.previous_secret] if still and channel.previous_secret else found


def _attempt(response: httpx2.Response) -> Attempt:
    status = response.status_code
    answer = f"{status} {response.reason_phrase[:60]}".strip()
    if 200 <= status < 300:
        return Attempt(Result.DELIVERED, answer)
    if status == 410:
        return Attempt(Result.GONE, answer)
    return Attempt(Result.FAILED, answer, retry_after(response.headers.get("Retry-After")))
