"""Time to match a thousand alerts with ten thousand changes: `python -m benchmarks.matching`.

First in memory, then as each stored change is matched: in a transaction of its own on SQLite, by
rules of which a process keeps the index while they stay as they are.
"""

import asyncio
import random
import resource
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from core.alerts.rules import AlertRule, ChangeFacts, RuleIndex, Words, WordsOfChange
from core.changes.events import watch_broken
from core.changes.rules import ChangeType, Severity
from core.web.page_types import PageType
from store.changes import record_event
from store.db.engine import Database
from store.db.migrations import migrate
from store.domains import add_domain
from store.keys import create_key, organisation_of
from store.matching import match_change
from store.rule_indexes import RuleIndexes
from store.tables.alerts import Alert, AlertChannel, Channel, ChannelKind

ALERTS, CHANGES, DOMAINS = 1_000, 10_000, 200
STORED_CHANGES = 200


def rules_of(chance: random.Random, share: float) -> list[AlertRule]:
    """Rules of which a share names domains."""
    domains = [UUID(int=n) for n in range(DOMAINS)]
    types, pages, severities = list(ChangeType), list(PageType), list(Severity)
    return [
        AlertRule(
            domain_ids=tuple(chance.sample(domains, 3)) if chance.random() < share else None,
            page_types=(chance.choice(pages),),
            change_types=(chance.choice(types),) if number % 2 else None,
            min_severity=chance.choice(severities),
            price_percent=5 if number % 5 == 0 else None,
            words=Words(appear=("free plan",)) if number % 7 == 0 else None,
        )
        for number in range(ALERTS)
    ]


def in_memory(chance: random.Random) -> None:
    """Print the time, how many pairs match, and the memory of the process."""
    domains = [UUID(int=n) for n in range(DOMAINS)]
    types, pages, severities = list(ChangeType), list(PageType), list(Severity)
    for share in (0.0, 0.8):
        rules = list(zip(rules_of(chance, share), range(ALERTS), strict=True))
        changes = [
            ChangeFacts(
                domain_id=chance.choice(domains),
                page_id=UUID(int=number),
                page_type=chance.choice(pages),
                tags=frozenset(),
                change_type=chance.choice(types),
                severity=chance.choice(severities),
                confidence=0.9,
                price_steps=(0.1,),
                words=WordsOfChange("all plans have support", "a free plan is new " * 20),
            )
            for number in range(CHANGES)
        ]
        index, began = RuleIndex(rules), time.process_time()
        found = sum(len(list(index.matching(each))) for each in changes)
        seconds = time.process_time() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{share:.0%} name domains: {seconds:.2f} s CPU, {found} matches, {memory:.0f} MiB")


async def of_stored(chance: random.Random, database: Database) -> None:
    """Print how long a stored change takes to be matched, by the first index and by a kept one."""
    now = datetime.now(UTC)
    async with database.transaction() as session:
        org_id = (await organisation_of(session, (await create_key(session, "matching")).key)).id
        domain = await add_domain(
            session,
            org_id,
            domain="shop.example",
            origin="https://shop.example",
            display_name="shop",
            check_frequency_hours=24,
        )
        channel = Channel(
            org_id=org_id,
            kind=ChannelKind.SIGNAL,
            name="a",
            target={},
            created_at=now,
            updated_at=now,
        )
        alerts = [
            Alert(org_id=org_id, name="a", rule=rule, created_at=now, updated_at=now)
            for rule in rules_of(chance, 0.8)
        ]
        session.add_all([channel, *alerts])
        await session.flush()
        session.add_all(AlertChannel(alert_id=each.id, channel_id=channel.id) for each in alerts)
    times: dict[str, list[float]] = {"anew": [], "kept": []}
    kept = RuleIndexes()
    for number in range(STORED_CHANGES):
        how = "kept" if number % 4 else "anew"
        async with database.transaction() as session:
            broken = watch_broken("It broke.")
            change_id = await record_event(session, domain, None, f"job {number}", broken, at=now)
        began = time.perf_counter()
        async with database.transaction() as session:
            await match_change(session, change_id, now, kept if how == "kept" else RuleIndexes())
        times[how].append(time.perf_counter() - began)
    for how, seconds in times.items():
        print(f"a stored change, index {how}: median {statistics.median(seconds) * 1000:.1f} ms")


async def main() -> None:
    """Print all figures."""
    chance = random.Random(1)
    in_memory(chance)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'diffy.db'}"
        migrate(url)
        database = Database.open(url)
        try:
            await of_stored(chance, database)
        finally:
            await database.close()


if __name__ == "__main__":
    asyncio.run(main())
