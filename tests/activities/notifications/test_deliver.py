"""What becomes of a delivery whose channel cannot be told, by whichever error."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from activities.notifications.deliver import DeliverActivities
from activities.notifications.outgoing import Outgoing
from core.alerts.attempts import FIRST_PAUSE, Attempt, DeliveryState
from core.errors import SecretsUnreadable, Unavailable
from core.jobs.contract import DeliverInput, DeliverResult
from store.db.engine import Database
from store.tables.alerts import Channel, ChannelKind, Delivery
from tests.store.rows import new_channel, new_delivery, new_domain, new_organisation, new_page


async def run(
    database: Database, error: Exception, environment: ActivityEnvironment | None = None
) -> DeliverResult:
    """One run of the activity with one delivery to make, by means that raise that error."""
    async with database.transaction() as session:
        domain = await new_domain(session, await new_organisation(session))
        page = await new_page(session, domain.id)
        channel = await new_channel(session, domain.org_id)
        await new_delivery(session, channel, page, datetime.now(UTC))

    async def send(_: Channel, _outgoing: Outgoing) -> Attempt:
        raise error

    activities = DeliverActivities(database, {ChannelKind.SIGNAL: send}, "http://diffy.test")
    environment = environment or ActivityEnvironment()
    return await environment.run(activities.deliver, DeliverInput(channel_id=channel.id))


async def the_delivery(database: Database) -> Delivery:
    """The only one there is."""
    async with database.reading() as session:
        return (await session.scalars(select(Delivery))).one()


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (SecretsUnreadable("DIFFY_SECRET_KEY is not set."), "DIFFY_SECRET_KEY is not set."),
        (ValueError("of a library"), "Diffy itself failed (ValueError)."),
    ],
)
async def test_an_error_of_a_sender_is_a_failed_attempt_that_says_why(
    database: Database, error: Exception, answer: str
) -> None:
    result, delivery = await run(database, error), await the_delivery(database)
    assert (result.delivered, result.next_at is None) == (0, False)
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 1)
    assert delivery.last_answer == answer


async def test_a_workflow_hears_by_its_own_clock_when_to_go_on(database: Database) -> None:
    environment = ActivityEnvironment()
    shown = datetime(2031, 5, 1, tzinfo=UTC)
    environment.info = replace(environment.info, started_time=shown)
    result = await run(database, ValueError("of a library"), environment)
    assert result.next_at is not None
    assert FIRST_PAUSE <= result.next_at - shown < timedelta(hours=1)


async def test_an_outage_of_the_store_is_no_fault_of_the_channel(database: Database) -> None:
    with pytest.raises(Unavailable):
        await run(database, Unavailable("The database cannot be reached."))
    delivery = await the_delivery(database)
    assert (delivery.attempts, delivery.last_answer) == (0, None)
