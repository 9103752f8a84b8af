"""The pace of hosts: the slots that the store gave, and the requests that came."""

import statistics
import time
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import psycopg

from benchmarks.site import Visit, WatchedSite

EARLY: Final = 0.005
"""Seconds by which the clock of a timer may be ahead."""

LOG_SLOTS: Final = """
    CREATE TABLE slot_log (
        number bigserial PRIMARY KEY, host text, was double precision, next_at double precision
    );
    CREATE FUNCTION log_slot() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO slot_log (host, was, next_at)
        VALUES (NEW.host, CASE TG_OP WHEN 'UPDATE' THEN OLD.next_at END, NEW.next_at);
        RETURN NULL;
    END $$;
    CREATE TRIGGER log_slot AFTER INSERT OR UPDATE ON host_slots
    FOR EACH ROW EXECUTE FUNCTION log_slot();
"""


@contextmanager
def logged_slots(database: str) -> Iterator[psycopg.Connection]:
    """A connection to the PostgreSQL store at `database`, which keeps every slot from now on."""
    with psycopg.connect(database, autocommit=True) as store:
        store.execute(LOG_SLOTS.encode())
        yield store


def slots_of(store: psycopg.Connection, interval: float) -> dict[str, list[float]]:
    """The moments of the slots that were taken and not given back, by host, in seconds of the
    epoch.
    """
    taken: dict[str, list[float]] = {}
    rows = store.execute("SELECT host, was, next_at FROM slot_log ORDER BY number")
    for host, was, next_at in rows:
        slots = taken.setdefault(host, [])
        if was is None or next_at > was:
            slots.append(next_at - interval)
        elif next_at < was:
            slots.pop()
    return taken


@dataclass
class Traffic:
    """The requests to all hosts, beside their slots.

    `repeated` says how often each page was asked for beyond once, `gaps` has the seconds between
    two requests of a host, and `late` those from a slot to its request.
    """

    interval: float
    slots: dict[str, list[float]]
    requests: int = 0
    repeated: dict[str, int] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, site: WatchedSite, visits: Sequence[Visit]) -> None:
        """Take in what a site was asked for, which is each of its pages at least."""
        pages = {*site.linked, "/"}
        counts = Counter(each.path for each in visits if each.path in pages)
        self.wrong += [f"{path} was not asked for" for path in site.linked if not counts[path]]
        self.repeated |= {path: count - 1 for path, count in counts.items() if count > 1}
        arrived, granted = _moments(visits), self.slots[site.address]
        self.wrong += _badly_paced(site.address, granted, arrived, self.interval)
        self.gaps += _gaps(arrived)
        self.late += [at - granted[max(bisect(granted, at) - 1, 0)] for at in arrived]
        self.requests += len(visits)

    def figures(self) -> dict[str, Any]:
        """How slots and requests lay."""
        closest = min(min(_gaps(each), default=self.interval) for each in self.slots.values())
        return {
            "closest slots of a host": round(closest, 6),
            "slots that were not used": sum(map(len, self.slots.values())) - self.requests,
            "requests after their slot, ms": {
                "median": round(statistics.median(self.late) * 1000, 1),
                "worst": round(max(self.late) * 1000, 1),
            },
            "shortest time between two requests, as the host saw it": round(min(self.gaps), 3),
            "of all": {
                f"shorter by {part:.0%} and more": sum(
                    gap < self.interval * (1 - part) for gap in self.gaps
                )
                for part in (0.01, 0.05, 0.2)
            },
        }


def _badly_paced(
    host: str, slots: Sequence[float], visits: Sequence[float], interval: float
) -> Iterator[str]:
    """Slots that are too close, and requests that came before their slot."""
    closest = min(_gaps(slots), default=interval)
    if closest < interval - 1e-6:
        yield f"{host}: two slots are {closest:.3f} s apart"
    if len(visits) > len(slots):
        yield f"{host}: {len(visits)} requests in {len(slots)} slots"
    for number, (slot, at) in enumerate(zip(slots, visits, strict=False)):
        if at < slot - EARLY:
            yield f"{host}: request {number} came {slot - at:.3f} s before its slot"


def _moments(visits: Sequence[Visit]) -> list[float]:
    """When requests came, in seconds of the epoch."""
    offset = time.time() - time.monotonic()
    return sorted(each.arrived + offset for each in visits)


def _gaps(moments: Sequence[float]) -> list[float]:
    """The seconds between two of them."""
    return [later - earlier for earlier, later in pairwise(moments)]
