"""E-mail and signals from a stored change to who is told: digests, quiet hours, unsubscription."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import select, update
from temporalio import workflow
from temporalio.testing import ActivityEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.notifications.deliver import DeliverActivities
from activities.notifications.email import Mailer, SmtpServer
from activities.notifications.signals import Signals
from activities.notifications.telling import Teller
from api.deps import services_of
from cli.embedded import EmbeddedTemporal
from core.alerts.signal_targets import NOT_ALLOWED, SignalTargets
from core.jobs.contract import DeliverInput, DeliverResult
from core.settings import Settings, SmtpTls
from store.secretkey import SecretKey
from store.tables.alerts import Channel, ChannelKind, Delivery
from tests.mailbox import Mailbox, part_of
from tests.stored import change, page_of
from tests.system import System, running_system

ONE, TWO = "one@shop.example", "two@shop.example"
PUBLIC = "https://diffy.example"


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Mailbox]:
    """A real SMTP server."""
    async with Mailbox() as mailbox:
        yield mailbox


@pytest.fixture(scope="module")
async def system(
    server: Mailbox,
    temporal: EmbeddedTemporal,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[System]:
    """A system that sends mail."""
    folder = tmp_path_factory.mktemp("kinds")
    shutil.copy(sqlite_template, folder / "diffy.db")
    settings = Settings(
        data_dir=folder,
        temporal_address=temporal.address,
        secret_key="k" * 40,
        public_url=PUBLIC,
        smtp_host="127.0.0.1",
        smtp_port=server.port,
        smtp_tls=SmtpTls.NONE,
        smtp_from="diffy@shop.example",
        signal_targets="told-*, queue:foreign",
    )
    async with running_system(settings) as system:
        yield system


@pytest.fixture
def mailbox(server: Mailbox) -> Mailbox:
    """The SMTP server, without mail."""
    server.mails.clear()
    server.envelopes.clear()
    return server


@pytest.fixture
def activities(system: System) -> DeliverActivities:
    """The activity of a worker."""
    settings = system.settings
    mailer = Mailer(
        system.database, SmtpServer.of(settings), SecretKey(settings), settings.resolved_public_url
    )
    signals = Signals(system.client, SignalTargets(settings.signal_targets))
    means = {ChannelKind.EMAIL: mailer.send, ChannelKind.SIGNAL: signals.send}
    return DeliverActivities(system.database, means, PUBLIC)


async def made(system: System, path: str, **body: object) -> dict[str, Any]:
    """What a POST made."""
    answer = await system.api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def alerted(
    system: System, page_id: UUID, kind: Mapping[str, object], **when: object
) -> tuple[UUID, UUID]:
    """A channel of that kind and an alert for the page; the ids of both."""
    channel = await made(system, "/api/channels", name="team", **kind)
    alert = await made(
        system,
        "/api/alerts",
        name="Rivals",
        channelIds=[channel["id"]],
        on={"pageIds": [str(page_id)]},
        **when,
    )
    return UUID(channel["id"]), UUID(alert["id"])


def mail_to(*addresses: str) -> dict[str, object]:
    return {"kind": "email", "to": list(addresses)}


async def told(system: System, page_id: UUID) -> UUID:
    """A change whose deliveries are stored; its id."""
    change_id = await change(system, page_id)
    await Teller(services_of(system.app).delivery).tell(change_id)
    return change_id


async def run(activities: DeliverActivities, channel_id: UUID) -> DeliverResult:
    """One run of the activity."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC))
    return await environment.run(activities.deliver, DeliverInput(channel_id=channel_id))


async def let_pass(system: System, channel_id: UUID) -> None:
    """Let so much time pass that what the channel has to tell is due."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with system.database.transaction() as session:
        await session.execute(
            update(Delivery)
            .where(Delivery.channel_id == channel_id, Delivery.next_attempt_at.is_not(None))
            .values(due_at=past, next_attempt_at=past)
        )


async def pending(system: System, channel_id: UUID) -> list[Delivery]:
    """What the channel is still going to be told."""
    async with system.database.reading() as session:
        rows = select(Delivery).where(
            Delivery.channel_id == channel_id, Delivery.state == "pending"
        )
        return list(await session.scalars(rows.order_by(Delivery.changed_at)))


def person(system: System) -> httpx2.AsyncClient:
    """Somebody without an API key."""
    transport = httpx2.ASGITransport(app=system.app)
    return httpx2.AsyncClient(transport=transport, base_url="http://diffy.test")


async def test_each_recipient_has_a_mail_of_the_change_and_can_leave_by_one_click(
    system: System, mailbox: Mailbox, activities: DeliverActivities
) -> None:
    page = await page_of(system)
    channel_id, _ = await alerted(system, page.id, mail_to(ONE, TWO))
    await told(system, page.id)
    assert (await run(activities, channel_id)).delivered == 1
    first, second = await mailbox.got(2)
    assert (first["To"], second["To"]) == (ONE, TWO)
    assert first["Message-ID"] == second["Message-ID"]
    assert "<ins" in part_of(first, "html")
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(rf"<{PUBLIC}(/unsubscribe/\S+)>", first["List-Unsubscribe"])
    assert found is not None
    async with person(system) as client:
        asked = await client.get(found[1])
        assert (asked.status_code, asked.headers["content-type"][:9]) == (200, "text/html")
        assert ONE in asked.text
        await told(system, page.id)
        assert (await run(activities, channel_id)).delivered == 1
        assert len(await mailbox.got(4)) == 4, "who has only looked still gets mail"
        for _ in range(2):
            left = await client.post(
                found[1], data={"List-Unsubscribe": "One-Click"}, follow_redirects=False
            )
            assert left.status_code == 200
        await told(system, page.id)
        assert (await run(activities, channel_id)).delivered == 1
        assert [mail["To"] for mail in mailbox.mails[4:]] == [TWO]
        other = re.fullmatch(rf"<{PUBLIC}(\S+)>", second["List-Unsubscribe"])
        assert other is not None
        assert (await client.post(other[1])).status_code == 200
        assert (await client.post(f"{found[1]}x")).status_code == 404
    channel = (await system.api.get(f"/api/channels/{channel_id}")).json()["data"]
    assert (channel["state"], channel["reason"]) == ("off", "All recipients have unsubscribed.")
    assert channel["target"] == {"to": []}


async def test_a_recipient_who_is_refused_for_the_moment_is_told_later_and_the_other_once(
    system: System, mailbox: Mailbox, activities: DeliverActivities
) -> None:
    page = await page_of(system)
    channel_id, _ = await alerted(system, page.id, mail_to(ONE, TWO))
    await told(system, page.id)
    mailbox.answers[:] = ["250 Accepted", "451 Greylisted"]
    result = await run(activities, channel_id)
    assert (result.delivered, result.failed) == (0, 0)
    [left] = await pending(system, channel_id)
    assert left.last_answer == "451 Greylisted (1 of 2 recipients refused)"
    assert result.next_at == left.next_attempt_at
    async with system.database.reading() as session:
        channel = await session.get_one(Channel, channel_id)
    assert (channel.failures, channel.last_delivered_at is None) == (0, False), "the server works"
    # What comes next of the page does not wait for the one who is refused.
    await told(system, page.id)
    assert (await run(activities, channel_id)).delivered == 1
    assert [mail["To"] for mail in mailbox.mails] == [ONE, ONE, TWO]
    await let_pass(system, channel_id)
    mailbox.answers[:] = ["451 Greylisted"]
    assert (await run(activities, channel_id)).delivered == 0
    await let_pass(system, channel_id)
    assert (await run(activities, channel_id)).delivered == 1
    assert [mail["To"] for mail in mailbox.mails] == [ONE, ONE, TWO, TWO]
    again = await system.api.post(f"/api/deliveries/{left.id}/redeliver")
    assert again.status_code == 202, again.text
    assert (await run(activities, channel_id)).delivered == 1
    assert [mail["To"] for mail in mailbox.mails[4:]] == [ONE, TWO], "it is made again for all"


async def test_a_recipient_who_is_refused_for_good_is_not_tried_again(
    system: System, mailbox: Mailbox, activities: DeliverActivities
) -> None:
    page = await page_of(system)
    channel_id, _ = await alerted(system, page.id, mail_to(ONE, TWO))
    await told(system, page.id)
    mailbox.answers[:] = ["250 Accepted", "550 No such user"]
    assert (await run(activities, channel_id)).delivered == 1
    channel = (await system.api.get(f"/api/channels/{channel_id}")).json()["data"]
    assert channel["lastAnswer"] == "Accepted (1 of 2 recipients refused)"


async def test_a_digest_gathers_changes_into_one_mail(
    system: System, mailbox: Mailbox, activities: DeliverActivities
) -> None:
    page = await page_of(system)
    channel_id, _ = await alerted(system, page.id, mail_to(ONE), digest="daily")
    for _ in range(3):
        await told(system, page.id)
    result = await run(activities, channel_id)
    assert (result.delivered, mailbox.mails) == (0, [])
    due = {each.due_at for each in await pending(system, channel_id)}
    assert due == {result.next_at}
    await let_pass(system, channel_id)
    assert (await run(activities, channel_id)).delivered == 3
    [mail] = mailbox.mails
    assert mail["Subject"] == "Rivals: 3 changes"
    assert part_of(mail, "plain").count("/api/changes/") == 3
    assert await pending(system, channel_id) == []


async def test_quiet_hours_hold_what_falls_into_them(
    system: System, mailbox: Mailbox, activities: DeliverActivities
) -> None:
    page = await page_of(system)
    now = datetime.now(UTC)
    start, end = now - timedelta(hours=1), now + timedelta(hours=1)
    quiet = {"from": f"{start:%H:%M}", "to": f"{end:%H:%M}", "timeZone": "UTC"}
    channel_id, alert_id = await alerted(system, page.id, mail_to(ONE), quietHours=quiet)
    await told(system, page.id)
    assert (await run(activities, channel_id)).delivered == 0
    [held] = await pending(system, channel_id)
    assert held.due_at == end.replace(second=0, microsecond=0)
    # Also what became due meanwhile, such as after a failure, is held and not lost.
    await let_pass(system, channel_id)
    assert (await run(activities, channel_id)).delivered == 0
    assert [each.id for each in await pending(system, channel_id)] == [held.id]
    ended = await system.api.patch(f"/api/alerts/{alert_id}", json={"quietHours": None})
    assert ended.status_code == 200
    await let_pass(system, channel_id)
    assert (await run(activities, channel_id)).delivered == 1
    assert len(mailbox.mails) == 1


async def test_what_a_deleted_alert_would_tell_is_told_by_another_that_wants_it(
    system: System, mailbox: Mailbox, activities: DeliverActivities
) -> None:
    page, other = await page_of(system), await page_of(system)
    channel_id, first = await alerted(system, page.id, mail_to(ONE), digest="hourly")
    await made(
        system,
        "/api/alerts",
        name="Also",
        channelIds=[str(channel_id)],
        digest="daily",
        on={"pageIds": [str(page.id)]},
    )
    third = await made(
        system,
        "/api/alerts",
        name="Other",
        channelIds=[str(channel_id)],
        digest="hourly",
        on={"pageIds": [str(other.id)]},
    )
    wanted, unwanted = await told(system, page.id), await told(system, other.id)
    assert {each.alert_id for each in await pending(system, channel_id)} == {
        first,
        UUID(third["id"]),
    }
    for alert_id in (first, third["id"]):
        assert (await system.api.delete(f"/api/alerts/{alert_id}")).status_code == 204
    [left] = await pending(system, channel_id)
    assert (left.change_id, left.is_digest) == (wanted, True)
    assert left.change_id != unwanted
    await let_pass(system, channel_id)
    assert (await run(activities, channel_id)).delivered == 1
    assert mailbox.mails[0]["Subject"] == "Also: 1 change"


@workflow.defn(name="foreign.listener")
class Listener:
    """A workflow of another team, which ends with the first signal."""

    def __init__(self) -> None:
        self._heard: list[dict[str, Any]] = []

    @workflow.run
    async def run(self) -> list[dict[str, Any]]:
        """What it was told."""
        await workflow.wait_condition(lambda: bool(self._heard))
        return self._heard

    @workflow.signal(name="changed")
    def changed(self, told: dict[str, Any]) -> None:
        """Something has changed."""
        self._heard.append(told)


async def test_a_workflow_of_another_team_is_signalled(
    system: System, activities: DeliverActivities
) -> None:
    page, queue = await page_of(system), f"listeners-{uuid4().hex}"
    workflow_id = f"told-{uuid4().hex}"
    target = {"kind": "signal", "workflowId": workflow_id, "signalName": "changed"}
    channel_id, _ = await alerted(system, page.id, target)
    change_id = await told(system, page.id)
    result = await run(activities, channel_id)
    assert (result.delivered, result.next_at is not None) == (0, True), "it does not run yet"
    async with Worker(
        system.client,
        task_queue=queue,
        workflows=[Listener],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        listener = await system.client.start_workflow(
            "foreign.listener", id=workflow_id, task_queue=queue, result_type=list
        )
        await let_pass(system, channel_id)
        assert (await run(activities, channel_id)).delivered == 1
        [heard] = await asyncio.wait_for(listener.result(), 60)
    assert heard["type"] == "change.created"
    assert heard["data"]["id"] == str(change_id)
    assert heard["data"]["prices"] == []
    assert heard["id"].startswith("msg_")


async def test_a_workflow_that_the_operator_has_not_named_is_not_signalled(
    system: System, activities: DeliverActivities
) -> None:
    """By its task queue, which is known once it runs."""
    body = {"kind": "signal", "name": "a", "signalName": "changed"}
    page, workflow_id = await page_of(system), f"other-{uuid4().hex}"
    channel_id, _ = await alerted(
        system, page.id, {"kind": "signal", "workflowId": workflow_id, "signalName": "changed"}
    )
    listener = await system.client.start_workflow(
        "foreign.listener", id=workflow_id, task_queue="not-named"
    )
    await told(system, page.id)
    assert (await run(activities, channel_id)).delivered == 0
    async with system.database.reading() as session:
        channel = await session.get_one(Channel, channel_id)
    assert channel.last_answer == NOT_ALLOWED
    assert (await listener.describe()).history_length == 2, "started, and a task that waits"
    await listener.terminate()
    for targets, status in (("", 409), ("pricing-*", 400), ("pricing-*,queue:a", 201)):
        app = services_of(system.app)
        changed = app.settings.model_copy(update={"signal_targets": targets})
        object.__setattr__(app, "settings", changed)
        try:
            answer = await system.api.post("/api/channels", json={**body, "workflowId": "reprice"})
        finally:
            object.__setattr__(app, "settings", system.settings)
        assert answer.status_code == status, answer.text
        assert "DIFFY_SIGNAL_TARGETS" in answer.text or status == 201
