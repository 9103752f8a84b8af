"""A change is told once to each channel, under one id, whatever dies on the way."""

import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from temporalio.testing import ActivityEnvironment

from activities.http.network import GuardedBackend
from activities.http.resolver import SystemResolver
from activities.notifications.deliver import DeliverActivities
from activities.notifications.outgoing import Outgoing
from activities.notifications.telling import Teller
from activities.notifications.webhooks import Webhooks
from api.deps import services_of
from cli.embedded import EmbeddedTemporal
from core.alerts.attempts import GIVE_UP_AFTER, SUSPECT_AFTER, Attempt
from core.jobs.contract import DeliverInput, DeliverResult
from core.jobs.ids import delivery_workflow_id
from core.model import utc_text
from core.settings import Settings
from store.checks import record_version
from store.deliveries import TURNED_OFF
from store.secretkey import SecretKey
from store.tables.alerts import Channel, ChannelKind, Delivery
from store.tables.changes import Change
from store.tables.requests import OutboxMessage
from tests.faults import Fault, faulty
from tests.receiver import OK, Receiver
from tests.store.rows import new_page, version
from tests.stored import change, page_of
from tests.system import System, system_on


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def system(
    request: pytest.FixtureRequest,
    temporal: EmbeddedTemporal,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[System]:
    """A system on either database."""
    folder = tmp_path_factory.mktemp("notifications")
    settings = Settings(
        data_dir=folder,
        temporal_address=temporal.address,
        allow_private_networks=True,
        secret_key="k" * 40,
    )
    async with system_on(request, settings) as system:
        yield system


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver of webhooks."""
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def activities(system: System) -> AsyncIterator[DeliverActivities]:
    """The activity of a worker."""
    resolver = SystemResolver()
    webhooks = Webhooks(GuardedBackend(resolver, allow_private_networks=True), "Diffy")
    box = SecretKey(system.settings).for_opening()

    async def send(channel: Channel, outgoing: Outgoing) -> Attempt:
        return await webhooks.send(channel, box, outgoing.message)

    yield DeliverActivities(system.database, {ChannelKind.WEBHOOK: send}, "http://diffy.test")
    await webhooks.aclose()
    resolver.close()


async def channel_of(system: System, receiver: Receiver, on: dict[str, object]) -> UUID:
    """A channel to the receiver that hears of these changes."""
    hook = {"kind": "webhook", "name": "ops", "url": receiver.url()}
    channel = (await system.api.post("/api/channels", json=hook)).json()["data"]
    alert = {"name": "some", "channelIds": [channel["id"]], "on": on}
    made = await system.api.post("/api/alerts", json=alert)
    assert made.status_code == 201, made.text
    return UUID(channel["id"])


def teller(system: System) -> Teller:
    """What a worker does after its commit."""
    return Teller(services_of(system.app).delivery)


async def overdue(system: System) -> None:
    """Let so much time pass that every message is due, and every delivery."""
    long_ago = datetime.now(UTC) - timedelta(minutes=1)
    async with system.database.transaction() as session:
        await session.execute(update(OutboxMessage).values(due_at=long_ago))
        await session.execute(
            update(Delivery)
            .where(Delivery.next_attempt_at.is_not(None))
            .values(next_attempt_at=long_ago)
        )


async def recovered(system: System, activities: DeliverActivities, channel_id: UUID) -> None:
    """What workers do once they run again: the reconciler, and the activity until nothing is left.

    The workflow that calls the activity must have been started if there is anything to do.
    """
    await overdue(system)
    await services_of(system.app).delivery.deliver_due()
    async with system.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 0
    while (await run(activities, channel_id)).next_at is not None:
        await overdue(system)


async def run(activities: DeliverActivities, channel_id: UUID) -> DeliverResult:
    """One run of the activity, which Temporal started just now."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC))
    return await environment.run(activities.deliver, DeliverInput(channel_id=channel_id))


@pytest.mark.parametrize("fault", [Fault.STOP, Fault.LATE])
async def test_a_change_is_told_under_one_id_whichever_step_is_the_last_of_its_process(
    system: System, receiver: Receiver, activities: DeliverActivities, fault: Fault
) -> None:
    page = await page_of(system)
    channel_id = await channel_of(system, receiver, {"pageIds": [str(page.id)]})
    deaf_id = await channel_of(system, receiver, {"pageIds": [str((await page_of(system)).id)]})
    for at in itertools.count(1):
        before = set(receiver.ids)
        change_id = None
        async with faulty(system, at, fault) as steps:
            with suppress(BaseException):
                change_id = await change(system, page.id)
                await teller(system).tell(change_id)
                await run(activities, channel_id)
        if not steps.met:
            break
        await recovered(system, activities, channel_id)
        async with system.database.reading() as session:
            rows = (
                await session.execute(
                    select(Delivery.channel_id, Delivery.state).where(
                        Delivery.change_id == change_id
                    )
                )
            ).all()
        told = set(receiver.ids) - before
        if change_id is None and not told:
            continue  # the change was never stored, or nobody heard that it was
        assert len(told) == 1, at
        if change_id is not None:
            assert rows == [(channel_id, "delivered")], at
        described = await system.client.get_workflow_handle(
            delivery_workflow_id(channel_id)
        ).describe()
        assert described.run_id
    assert at > 4
    assert not any(deaf_id.hex in each for each in receiver.ids)
    async with system.database.reading() as session:
        stored = set(await session.scalars(select(Change.id).where(Change.page_id == page.id)))
    told_once = {each.id: each.content["data"]["id"] for each in receiver.received}
    assert sorted(told_once.values()) == sorted(str(each) for each in stored)


async def test_changes_of_a_page_are_told_in_order_however_they_fail(
    system: System, receiver: Receiver, activities: DeliverActivities
) -> None:
    pages = [await page_of(system) for _ in range(3)]
    channel_id = await channel_of(system, receiver, {"pageIds": [str(page.id) for page in pages]})
    stored: dict[UUID, list[str]] = {page.id: [] for page in pages}
    for _ in range(4):
        for page in pages:
            change_id = await change(system, page.id)
            stored[page.id].append(str(change_id))
    # The newest first, as by several workers of which the others were slow.
    for change_ids in stored.values():
        await teller(system).tell(UUID(change_ids[-1]))
    turns = itertools.count()
    receiver.answer = lambda _: (204, {}) if next(turns) % 3 else (503, {"Retry-After": "1"})
    while (await run(activities, channel_id)).next_at is not None:
        await overdue(system)
        async with system.database.transaction() as session:
            await session.execute(update(Channel).values(held_until=None))
    arrived: dict[UUID, list[str]] = {page.id: [] for page in pages}
    for each in receiver.received:
        data = each.content["data"]
        arrived[UUID(data["pageId"])].append(data["id"])
    for page_id, ids in arrived.items():
        assert list(dict.fromkeys(ids)) == stored[page_id]
        assert ids == sorted(ids, key=stored[page_id].index)


async def test_nothing_is_written_for_an_organisation_without_alerts(system: System) -> None:
    async with await system.another_organisation() as other:
        added = await other.post("/api/domains", json={"domain": f"{uuid4().hex}.example"})
        domain_id = UUID(added.json()["data"]["id"])
        async with system.database.transaction() as session:
            page = await new_page(session, domain_id)
            await record_version(
                session, page, "job-0", version("0"), at=datetime.now(UTC), is_change=False
            )
        change_id = await change(system, page.id)
        async with system.database.reading() as session:
            about = OutboxMessage.subject_id == change_id
            assert await session.scalar(select(OutboxMessage).where(about)) is None


async def test_a_channel_whose_workflow_is_lost_is_delivered_to_all_the_same(
    system: System, receiver: Receiver
) -> None:
    page = await page_of(system)
    channel_id = await channel_of(system, receiver, {"pageIds": [str(page.id)]})
    await teller(system).tell(await change(system, page.id))
    workflow = system.client.get_workflow_handle(delivery_workflow_id(channel_id))
    await workflow.terminate()
    delivery = services_of(system.app).delivery
    await delivery.wake_neglected()
    described = await workflow.describe()
    priority = described.raw_description.workflow_execution_info.priority
    assert priority.priority_key == 1, "people are told before pages are checked"
    first = described.run_id
    async with system.database.transaction() as session:
        late = datetime.now(UTC) - timedelta(minutes=3)
        await session.execute(update(Delivery).values(next_attempt_at=late))
    await delivery.wake_neglected()
    assert (await workflow.describe()).run_id != first


async def shown(system: System, path: str) -> dict[str, Any]:
    """What the API shows there."""
    answer = await system.api.get(path)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def deliveries(system: System, channel_id: UUID) -> list[dict[str, Any]]:
    """The deliveries to the channel, the newest first."""
    answer = await system.api.get("/api/deliveries", params={"channelId": str(channel_id)})
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def waits(system: System, channel_id: UUID, **columns: object) -> None:
    """Let the channel be as it is after so much time."""
    async with system.database.transaction() as session:
        row = update(Channel).where(Channel.id == channel_id)
        await session.execute(row.values(**columns))


async def test_a_channel_that_is_gone_is_turned_off_and_what_waits_fails(
    system: System, receiver: Receiver, activities: DeliverActivities
) -> None:
    page = await page_of(system)
    channel_id = await channel_of(system, receiver, {"pageIds": [str(page.id)]})
    for _ in range(3):  # of one page, so that two wait for the first
        await teller(system).tell(await change(system, page.id))
    receiver.answer = lambda _: (410, {})
    result = await run(activities, channel_id)
    assert (result.delivered, result.failed, result.next_at) == (0, 3, None)
    channel = await shown(system, f"/api/channels/{channel_id}")
    assert (channel["state"], channel["reason"]) == ("off", "410 x")
    found = await deliveries(system, channel_id)
    assert {each["state"] for each in found} == {"failed"}
    assert sorted(each["lastAnswer"] for each in found) == ["410 x", TURNED_OFF, TURNED_OFF]
    await teller(system).tell(await change(system, page.id))
    await run(activities, channel_id)
    assert len(receiver.received) == 1


async def test_what_a_receiver_asks_for_is_waited(
    system: System, receiver: Receiver, activities: DeliverActivities
) -> None:
    page, other = await page_of(system), await page_of(system)
    on: dict[str, object] = {"pageIds": [str(page.id), str(other.id)]}
    channel_id = await channel_of(system, receiver, on)
    await teller(system).tell(await change(system, page.id))
    receiver.answer = lambda _: (503, {"Retry-After": "600"})
    began = datetime.now(UTC)
    result = await run(activities, channel_id)
    assert result.next_at is not None
    assert result.next_at >= began + timedelta(minutes=10)
    await teller(system).tell(await change(system, other.id))
    assert (await run(activities, channel_id)).delivered == 0
    assert len(receiver.received) == 1, "not even for another page"
    channel = await shown(system, f"/api/channels/{channel_id}")
    assert channel["nextAttemptAt"] == utc_text(result.next_at)


async def test_a_channel_that_fails_for_long_is_paused_and_recovers_by_itself(
    system: System, receiver: Receiver, activities: DeliverActivities
) -> None:
    page, other = await page_of(system), await page_of(system)
    on: dict[str, object] = {"pageIds": [str(page.id), str(other.id)]}
    channel_id = await channel_of(system, receiver, on)
    await teller(system).tell(await change(system, page.id))
    receiver.answer = lambda _: (500, {})
    for failures in range(1, SUSPECT_AFTER + 2):
        await overdue(system)
        await waits(system, channel_id, held_until=None)
        if failures > SUSPECT_AFTER:
            hour_ago = datetime.now(UTC) - timedelta(hours=1)
            await waits(system, channel_id, failing_since=hour_ago)
        result = await run(activities, channel_id)
        assert len(receiver.received) == failures
    channel = await shown(system, f"/api/channels/{channel_id}")
    assert channel["state"] == "paused"
    assert channel["reason"] == f"It has failed {SUSPECT_AFTER + 1} times in a row: 500 x"
    assert result.next_at is not None
    assert channel["nextAttemptAt"] == utc_text(result.next_at)
    await teller(system).tell(await change(system, other.id))
    await run(activities, channel_id)
    assert len(receiver.received) == failures, "nothing is sent meanwhile"
    receiver.answer = lambda _: OK
    await overdue(system)
    await waits(system, channel_id, held_until=datetime.now(UTC))
    assert (await run(activities, channel_id)).delivered == 2
    channel = await shown(system, f"/api/channels/{channel_id}")
    assert (channel["state"], channel["reason"], channel["nextAttemptAt"]) == ("active", None, None)


async def test_a_delivery_that_was_given_up_is_made_again_under_its_id(
    system: System, receiver: Receiver, activities: DeliverActivities
) -> None:
    page = await page_of(system)
    channel_id = await channel_of(system, receiver, {"pageIds": [str(page.id)]})
    await teller(system).tell(await change(system, page.id))
    receiver.answer = lambda _: None  # the connection breaks
    async with system.database.transaction() as session:
        long_ago = datetime.now(UTC) - GIVE_UP_AFTER
        row = update(Delivery).where(Delivery.channel_id == channel_id)
        await session.execute(row.values(due_at=long_ago))
    assert (await run(activities, channel_id)).failed == 1
    [failed] = await deliveries(system, channel_id)
    assert (failed["state"], failed["nextAttemptAt"]) == ("failed", None)
    receiver.answer = lambda _: OK
    again = await system.api.post(f"/api/deliveries/{failed['id']}/redeliver")
    assert (again.status_code, again.json()["data"]["state"]) == (202, "pending")
    assert (await run(activities, channel_id)).delivered == 1
    [delivered] = await deliveries(system, channel_id)
    assert (delivered["id"], delivered["state"]) == (failed["id"], "delivered")
    assert len(set(receiver.ids)) == 1
