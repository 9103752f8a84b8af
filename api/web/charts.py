"""Charts as geometry: what the templates draw as SVG, in a picture of 720 by 200."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from api.routes.prices import PriceView

WIDTH: Final = 720
HEIGHT: Final = 200
LEFT: Final = 56
BOTTOM: Final = 24
TOP: Final = 10
RIGHT: Final = 12
MAX_SERIES: Final = 6
"""Series that one chart draws: more could not be told apart."""

STEPS: Final = (1, 2, 2.5, 5, 10)
BUCKETS: Final = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1),
    timedelta(hours=6), timedelta(days=1), timedelta(days=7), timedelta(days=30),
)  # fmt: skip
MAX_BARS: Final = 40


@dataclass(frozen=True)
class Tick:
    """A mark of an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Dot:
    """A point of a line, such as the change of a price, and what is told of it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """A series: its name, its path, and the dots of its changes."""

    name: str
    path: str
    dots: list[Dot]


@dataclass(frozen=True)
class PriceChart:
    """Prices of one currency over time."""

    currency: str
    lines: list[Line]
    more: int
    y_ticks: list[Tick]
    x_ticks: list[Tick]


@dataclass(frozen=True)
class Bar:
    """Jobs that finished within a time: completed below, failed above, and how long they took."""

    x: float
    width: float
    completed: float
    failed: float
    text: str


@dataclass(frozen=True)
class JobChart:
    """Finished jobs over time; heights of bars are from the base line up."""

    bars: list[Bar]
    y_ticks: list[Tick]
    x_ticks: list[Tick]
    path: str
    dots: list[Dot]
    duration_ticks: list[Tick]


@dataclass(frozen=True)
class Finished:
    """A finished job, as far as charts show it."""

    at: datetime
    completed: bool
    seconds: float | None


@dataclass(frozen=True)
class History:
    """The newest finished jobs of one kind, the newest first, and whether that is all of them."""

    jobs: Sequence[Finished]
    complete: bool


def common_history(histories: Iterable[History]) -> tuple[list[Finished], datetime | None]:
    """The jobs of the time that every history reaches back to, and when that time begins; None if
    all jobs are there.

    What one history has from before another one begins would look as if there was nothing else.
    """
    known = list(histories)
    begin = max((each.jobs[-1].at for each in known if not each.complete), default=None)
    jobs = [job for each in known for job in each.jobs if begin is None or job.at >= begin]
    return jobs, begin


def price_charts(prices: Sequence[PriceView], now: datetime) -> list[PriceChart]:
    """The charts of `prices`, one a currency; the one with most prices first."""
    currencies: dict[str, list[PriceView]] = {}
    for each in prices:
        currencies.setdefault(each.currency or "", []).append(each)
    ordered = sorted(currencies.items(), key=lambda item: -len(item[1]))
    return [_price_chart(currency, of, now) for currency, of in ordered]


def _price_chart(currency: str, prices: Sequence[PriceView], now: datetime) -> PriceChart:
    begin = min(each.first_seen_at for each in prices)
    end = max(now, begin + timedelta(minutes=1))
    ticks = _ticks(min(p.amount for p in prices), max(p.amount for p in prices))
    low, high = ticks[0], ticks[-1]

    def x(moment: datetime) -> float:
        share = (moment - begin) / (end - begin)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(amount: float) -> float:
        share = (amount - low) / (high - low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    series: dict[tuple[str, str, str], list[PriceView]] = {}
    for each in sorted(prices, key=lambda price: price.first_seen_at):
        series.setdefault((each.url, each.plan or "", each.period or ""), []).append(each)
    # What moved is drawn first: it is what one looks for.
    chosen = sorted(series.items(), key=lambda item: -len(item[1]))
    lines = []
    several_pages = len({url for url, _, _ in series}) > 1
    for (url, plan, period), of in chosen[:MAX_SERIES]:
        path = ""
        dots = []
        for earlier, price in zip([None, *of], of, strict=False):
            until = end if price.current else (price.ended_at or price.last_seen_at)
            joined = earlier is not None and earlier.ended_at == price.first_seen_at
            path += f"{'L' if joined else 'M'}{x(price.first_seen_at)} {y(price.amount)}"
            path += f"L{x(until)} {y(price.amount)}"
            if earlier is not None:
                text = f"{earlier.amount:g} → {price.amount:g} {currency}".strip()
                dots.append(Dot(x(price.first_seen_at), y(price.amount), text))
        name = plan or "a price"
        if period:
            name += f", a {period}"
        if several_pages:
            name += f" ({url})"
        lines.append(Line(name, path, dots))
    return PriceChart(
        currency=currency,
        lines=lines,
        more=len(series) - len(lines),
        y_ticks=[Tick(y(value), f"{value:g}") for value in ticks],
        x_ticks=_moments(begin, end, x),
    )


def job_chart(jobs: Sequence[Finished], now: datetime) -> JobChart | None:
    """The chart of finished jobs; None if there are none."""
    if not jobs:
        return None
    span = now - min(job.at for job in jobs)
    size = next((each for each in BUCKETS if span / each < MAX_BARS), BUCKETS[-1])
    count = min(int(span / size) + 1, MAX_BARS)
    begin = now - count * size
    width = (WIDTH - LEFT - RIGHT) / count
    groups: list[list[Finished]] = [[] for _ in range(count)]
    for job in jobs:
        place = int((job.at - begin) / size)
        if place >= 0:
            groups[min(place, count - 1)].append(job)
    ticks = _ticks(0, max(max(len(group) for group in groups), 1), whole=True)
    unit = (HEIGHT - BOTTOM - TOP) / ticks[-1]
    taken = [_median(job.seconds for job in group) for group in groups]
    seconds = _ticks(0, max([each for each in taken if each is not None], default=1) or 1)
    scale = (HEIGHT - BOTTOM - TOP) / seconds[-1]
    bars = []
    dots = []
    for place, (group, median_seconds) in enumerate(zip(groups, taken, strict=True)):
        completed = sum(job.completed for job in group)
        x = LEFT + place * width
        if not group:
            continue
        when = f"{begin + place * size:%d %b %H:%M}"
        took = ""
        if median_seconds is not None:
            took = f", {median_seconds:.1f} s each"
            at = round(HEIGHT - BOTTOM - median_seconds * scale, 1)
            dots.append(Dot(round(x + width / 2, 1), at, f"{when}: {median_seconds:.1f} s"))
        bars.append(
            Bar(
                x=round(x + width * 0.1, 1),
                width=round(width * 0.8, 1),
                completed=round(completed * unit, 1),
                failed=round((len(group) - completed) * unit, 1),
                text=f"{when}: {completed} completed, {len(group) - completed} failed{took}",
            )
        )
    end = begin + count * size

    def x_of(moment: datetime) -> float:
        return round(LEFT + (moment - begin) / (end - begin) * (WIDTH - LEFT - RIGHT), 1)

    return JobChart(
        bars=bars,
        y_ticks=[Tick(round(HEIGHT - BOTTOM - value * unit, 1), f"{value:g}") for value in ticks],
        x_ticks=_moments(begin, end, x_of),
        path="".join(f"{'L' if n else 'M'}{dot.x:.1f} {dot.y:.1f}" for n, dot in enumerate(dots)),
        dots=dots,
        duration_ticks=[
            Tick(round(HEIGHT - BOTTOM - value * scale, 1), f"{value:g} s") for value in seconds
        ],
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Round numbers from `low` or below to `high` or above, three to six of them."""
    if low == high:
        low, high = (0.0, high) if high > 0 else (low, low + 1)
    step = 10 ** math.floor(math.log10((high - low) / 3))
    step = next(step * each for each in STEPS if (high - low) / (step * each) <= 4)
    if whole:
        step = max(math.ceil(step), 1)
    first = math.floor(low / step)
    last = math.ceil(high / step)
    digits = max(-math.floor(math.log10(step)) + 1, 0)
    return [round(number * step, digits) for number in range(first, last + 1)]


def _moments(begin: datetime, end: datetime, x: Callable[[datetime], float]) -> list[Tick]:
    form = "%d %b %Y" if end - begin > timedelta(days=300) else "%d %b"
    if end - begin < timedelta(days=2):
        form = "%H:%M" if end - begin > timedelta(minutes=5) else "%H:%M:%S"
    moments = [begin + (end - begin) * share for share in (0, 0.5, 1)]
    return [Tick(x(moment), f"{moment:{form}}") for moment in moments]
