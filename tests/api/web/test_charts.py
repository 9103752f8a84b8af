"""The geometry of charts."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from api.routes.prices import PriceView
from api.web.charts import Finished, History, common_history, job_chart, price_charts

START = datetime(2026, 3, 1, tzinfo=UTC)


def price(plan: str, amount: float, first: int, ended: int | None, currency: str) -> PriceView:
    """A price from one day to another."""
    return PriceView(
        id=uuid4(),
        page_id=uuid4(),
        url="https://a.com/",
        plan=plan,
        currency=currency,
        amount=amount,
        period=None,
        current=ended is None,
        first_seen_at=START + timedelta(days=first),
        last_seen_at=START + timedelta(days=ended or 10),
        ended_at=None if ended is None else START + timedelta(days=ended),
    )


def test_prices_are_steps_with_a_dot_at_each_change_and_a_chart_for_each_currency() -> None:
    prices = [
        price("Pro", 29, 0, 5, "USD"), price("Pro", 35, 5, None, "USD"),
        price("Team", 79, 0, None, "USD"), price("Pro", 30, 0, None, "EUR"),
    ]  # fmt: skip
    dollars, euros = price_charts(prices, START + timedelta(days=10))
    assert (dollars.currency, euros.currency) == ("USD", "EUR")
    pro, team = dollars.lines
    assert (pro.name, team.name) == ("Pro", "Team")
    [dot] = pro.dots
    assert dot.text == "29 → 35 USD"
    assert dot.x == pytest.approx((56 + 708) / 2)
    assert pro.path.count("M") == 1, "one price follows the other without a gap"
    assert team.dots == []
    assert [tick.text for tick in dollars.y_ticks] == ["20", "40", "60", "80"]
    assert [tick.text for tick in dollars.x_ticks] == ["01 Mar", "06 Mar", "11 Mar"]


def test_charts_stay_within_their_picture() -> None:
    many = [price(f"P{n}", n * n + 0.01, 0, 1 if n % 2 else None, "USD") for n in range(30)]
    [chart] = price_charts(many, START)
    assert len(chart.lines) == 6
    assert chart.more == 24
    points = [part for line in chart.lines for part in line.path.replace("M", "L").split("L")[1:]]
    for x, y in (map(float, part.split(" ")) for part in points):
        assert x >= 56
        assert 10 <= y <= 176
    for only in (0.0, 0.001, 2e-7, 1e9, 7.0):
        [chart] = price_charts([price("P", only, 0, None, "")], START)
        assert len({tick.at for tick in chart.y_ticks}) >= 2


def test_jobs_are_counted_by_the_time_in_which_they_finished() -> None:
    assert job_chart([], START) is None
    jobs = [Finished(START + timedelta(hours=n), n % 4 > 0, float(n)) for n in range(24)]
    chart = job_chart(jobs, START + timedelta(hours=24))
    assert chart
    assert len(chart.bars) == 24
    assert chart.y_ticks[-1].text == "1"
    assert sum(bar.failed > 0 for bar in chart.bars) == 6
    assert "01 Mar 05:00: 1 completed, 0 failed, 5.0 s each" in [bar.text for bar in chart.bars]
    assert "01 Mar 05:00: 5.0 s" in [dot.text for dot in chart.dots]
    assert chart.path.count("L") == len(chart.dots) - 1
    alone = job_chart([jobs[5]], START + timedelta(hours=6))
    assert alone
    assert len(alone.dots) == 1, "a line of one point would not be seen"
    year = [Finished(START + timedelta(days=n), True, None) for n in range(365)]
    chart = job_chart(year, START + timedelta(days=365))
    assert chart
    assert len(chart.bars) <= 40
    assert chart.path == ""
    assert max(bar.x + bar.width for bar in chart.bars) <= 708


def test_jobs_are_drawn_of_the_time_only_from_which_all_are_known() -> None:
    completed = [Finished(START + timedelta(hours=n), True, 1.0) for n in (9, 8, 7)]
    failed = [Finished(START + timedelta(hours=n), False, 1.0) for n in (8, 5, 1)]
    jobs, begin = common_history([History(completed, complete=False), History(failed, True)])
    assert begin == START + timedelta(hours=7)
    assert jobs == [*completed, failed[0]]
    jobs, begin = common_history([History(completed, complete=False), History(failed, False)])
    assert begin == START + timedelta(hours=7)
    jobs, begin = common_history([History(completed, True), History(failed, complete=True)])
    assert (jobs, begin) == ([*completed, *failed], None)
    assert common_history([History([], complete=True)]) == ([], None)
