"""The alerts of an organisation as an index of their rules."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeVarTuple
from uuid import UUID

from sqlalchemy import Select, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.alerts.attempts import ChannelState
from core.alerts.rules import AlertRule, RuleIndex
from core.alerts.timing import Digest, QuietHours
from store.tables.alerts import Alert, AlertChannel, Channel

KEPT_RULES: Final = 20_000
"""Rules of which a process keeps indexes: about 2 KiB each."""

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True)
class Recipient:
    """A channel of an alert, and when that tells."""

    alert_id: UUID
    channel_id: UUID
    digest: Digest
    quiet_hours: QuietHours | None


@dataclass(frozen=True)
class Kept:
    """An index, and all that it is made of as the database has it in one text."""

    made_of: str | None
    index: RuleIndex[Recipient]
    size: int


class RuleIndexes:
    """The indexes of organisations, each made anew once what it is made of has changed.

    To make one of many alerts takes much longer than to match a change with it. What it is made of
    is read each time and compared, as one text: no clock and no counter, which somebody could
    forget to advance, says whether an index still holds.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, Kept] = OrderedDict()

    async def of(self, session: AsyncSession, org_id: UUID) -> RuleIndex[Recipient]:
        """The rules of the organisation's alerts, for each channel that is not turned off."""
        made_of = await _made_of(session, org_id)
        kept = self._kept.get(org_id)
        if kept is None or kept.made_of != made_of:
            rules = await _rules(session, org_id)
            kept = Kept(made_of, RuleIndex(rules), len(rules))
            if await _made_of(session, org_id) != made_of:
                return kept.index  # it changed between the reads
            self._keep(org_id, kept)
        self._kept.move_to_end(org_id)
        return kept.index

    def _keep(self, org_id: UUID, kept: Kept) -> None:
        self._kept[org_id] = kept
        self._kept.move_to_end(org_id)
        size = sum(each.size for each in self._kept.values())
        while size > KEPT_RULES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            size -= dropped.size


def _wanted(rows: Select[*Columns], org_id: UUID) -> Select[*Columns]:
    return (
        rows.select_from(Alert)
        .join(AlertChannel, AlertChannel.alert_id == Alert.id)
        .join(Channel, AlertChannel.channel_id == Channel.id)
        .where(Alert.org_id == org_id, Alert.enabled, Channel.state != ChannelState.OFF)
    )


async def _made_of(session: AsyncSession, org_id: UUID) -> str | None:
    """What the index is made of, in any order; None if it is of nothing."""
    row = (
        cast(Alert.id, Text)
        + cast(Channel.id, Text)
        + cast(Alert.digest, Text)
        + func.coalesce(cast(Alert.quiet_hours, Text), "")
        + cast(Alert.rule, Text)
    )
    return await session.scalar(_wanted(select(func.aggregate_strings(row, "\n")), org_id))


async def _rules(session: AsyncSession, org_id: UUID) -> list[tuple[AlertRule, Recipient]]:
    rows = select(Alert.rule, Alert.id, Channel.id, Alert.digest, Alert.quiet_hours)
    rows = _wanted(rows, org_id).order_by(Alert.created_at, Alert.id, Channel.id)
    return [
        (rule, Recipient(alert_id, channel_id, digest, quiet_hours))
        for rule, alert_id, channel_id, digest, quiet_hours in await session.execute(rows)
    ]
