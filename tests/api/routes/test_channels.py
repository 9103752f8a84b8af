"""Channels: what they show, what they refuse, and that nothing tells a secret."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from core.settings import Settings
from store.tables.alerts import Channel
from store.tables.requests import KeyedRequest
from tests.system import System, running_system


@pytest.fixture
async def public_system(settings: Settings) -> AsyncIterator[System]:
    """A system that may reach public addresses alone."""
    public = settings.model_copy(update={"allow_private_networks": False})
    async with running_system(public) as system:
        yield system


URL = "https://hooks.example.com/services/T0KEN-path?sid=T0KEN-query"
HOOK = {"kind": "webhook", "name": "ops", "url": URL}
SIGNAL = {"kind": "signal", "name": "other team", "workflowId": "reprice", "signalName": "changed"}


async def test_a_secret_is_shown_once_and_stored_sealed(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keyed = {"Idempotency-Key": "add-hook"}
    added = await system.api.post("/api/channels", json=HOOK, headers=keyed)
    assert added.status_code == 201, added.text
    channel = added.json()["data"]
    secret = channel["secret"]
    assert secret.startswith("whsec_")
    again = await system.api.post("/api/channels", json=HOOK, headers=keyed)
    assert again.json()["data"] == {**channel, "secret": None}
    rotated = await system.api.post(f"/api/channels/{channel['id']}/rotate")
    new_secret = rotated.json()["data"]["secret"]
    assert new_secret != secret
    shown = [
        (await system.api.get(f"/api/channels/{channel['id']}")).text,
        (await system.api.get("/api/channels")).text,
        (await system.api.patch(f"/api/channels/{channel['id']}", json={"name": "b"})).text,
    ]
    async with system.database.reading() as session:
        row = await session.scalar(select(Channel))
        kept = await session.scalar(select(KeyedRequest.answer))
        assert row is not None
        stored = [row.address, row.secret, row.previous_secret, str(row.target), str(kept)]
    assert all(text.startswith('{"data":') for text in shown)
    for text in (*shown, *map(str, stored), caplog.text):
        for hidden in (secret[6:], new_secret[6:], "T0KEN"):
            assert hidden not in text
    assert channel["target"] == {"url": ["https://hooks.example.com"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**HOOK, "kind": "pigeon"}, "body"),
        ({**HOOK, "name": ""}, "webhook.name"),
        ({"kind": "webhook", "name": "a"}, "webhook.url"),
        ({**HOOK, "url": "ftp://hooks.example.com/"}, "url"),
        ({**HOOK, "url": "https://user:pass@hooks.example.com/"}, "url"),
        ({**HOOK, "url": "http://127.0.0.1/"}, "url"),
        ({**HOOK, "url": "http://[::1]/"}, "url"),
        ({**HOOK, "url": "http://169.254.169.254/latest"}, "url"),
        ({**HOOK, "url": "http://2130706433/"}, "url"),
        ({**HOOK, "url": "http://localhost:9/"}, "url"),
        ({**HOOK, "url": "http://localhost./"}, "url"),
        ({**HOOK, "url": "http://a.LOCALHOST/"}, "url"),
        ({**HOOK, "url": "http://localhost.localdomain/"}, "url"),
        ({**HOOK, "url": "http://ip6-localhost/"}, "url"),
        ({**HOOK, "url": "http://intranet/"}, "url"),
        ({**HOOK, "url": "http://printer.local/"}, "url"),
        ({**HOOK, "url": "http://nas.home.arpa/"}, "url"),
        ({**HOOK, "url": "http://router.lan/"}, "url"),
        ({**HOOK, "url": "http://shop.test/"}, "url"),
        ({**HOOK, "url": "http://host.docker.internal/"}, "url"),
        ({**HOOK, "url": "http://metadata.google.internal/"}, "url"),
        ({**HOOK, "to": ["a@b.example"]}, "webhook.to"),
        ({"kind": "email", "name": "a", "to": []}, "email.to"),
        ({"kind": "email", "name": "a", "to": ["not an address"]}, "email.to.0"),
        ({"kind": "email", "name": "a", "to": ["a@b.example\nBcc: c@d.example"]}, "email.to.0"),
        ({**SIGNAL, "workflowId": ""}, "signal.workflowId"),
        ({**SIGNAL, "signalName": "__temporal_reset"}, "signal.signalName"),
    ],
)
async def test_what_cannot_be_a_channel_is_refused(
    public_system: System, body: dict[str, Any], field: str
) -> None:
    answer = await public_system.api.post("/api/channels", json=body)
    assert answer.status_code == 400, answer.text
    assert field in answer.json()["details"], answer.text
    assert "pass@" not in answer.text


async def test_a_webhook_over_http_has_a_warning(public_system: System) -> None:
    body = {**HOOK, "url": "http://hooks.example.com/"}
    added = await public_system.api.post("/api/channels", json=body)
    [warning] = added.json()["data"]["warnings"]
    assert "http" in warning


async def test_mail_cannot_be_sent_without_a_mail_server(public_system: System) -> None:
    body = {"kind": "email", "name": "team", "to": ["a@b.example"]}
    answer = await public_system.api.post("/api/channels", json=body)
    assert answer.status_code == 409
    assert "DIFFY_SMTP_HOST" in answer.json()["error"]


async def test_a_channel_has_the_fields_of_its_kind_only(public_system: System) -> None:
    api = public_system.api
    channel = (await api.post("/api/channels", json=SIGNAL)).json()["data"]
    assert channel["secret"] is None
    path = f"/api/channels/{channel['id']}"
    refused = await api.patch(path, json={"url": URL})
    assert (refused.status_code, set(refused.json()["details"])) == (400, {"url"})
    assert (await api.post(f"{path}/rotate")).status_code == 400
    changed = (await api.patch(path, json={"signalName": "other"})).json()["data"]
    assert changed["target"] == {"workflowId": ["reprice"], "signalName": ["other"]}
    assert (await api.patch(path, json={"state": "off"})).json()["data"]["state"] == "off"
    assert (await api.delete(path)).status_code == 204
    assert (await api.get(path)).status_code == 404


@pytest.mark.parametrize("token", ["word", "a.b.c"])
async def test_a_link_to_unsubscribe_that_nobody_was_sent_is_not_valid(
    system: System, token: str
) -> None:
    """Also before there is a secret key, without which there are no links."""
    for method in ("GET", "POST"):
        answer = await system.api.request(method, f"/unsubscribe/{token}")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), method
