"""Options of domains and pages: when they are checked, which pages are watched, their tags.

Each decorator hands the command one part of a request's body, empty if no option was given.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Final

import click

from cli.client.api import Row
from cli.client.errors import BadUsage

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def given(body: Row) -> Row:
    """The body without the fields that are None."""
    return {name: value for name, value in body.items() if value is not None}


def schedule_options(function: Callable[..., None]) -> Callable[..., None]:
    """A command that takes a schedule as `schedule`: a body with that field, or an empty one."""

    @click.option("--every-minutes", type=click.IntRange(1), metavar="N", help="Check so often.")
    @click.option("--cron", metavar="EXPRESSION", help="Check at these times, as crontab has them.")
    @click.option("--zone", metavar="NAME", help="Time zone of the schedule, as Europe/Berlin.")
    @click.option("--hours", metavar="HH:MM-HH:MM", help="Check only in this part of a day.")
    @click.option("--days", metavar="DAYS", help="Check only on these days: mon,tue,wed.")
    @click.option("--no-schedule", is_flag=True, help="Without a schedule of its own.")
    @wraps(function)
    def run(
        *args: object,
        every_minutes: int | None,
        cron: str | None,
        zone: str | None,
        hours: str | None,
        days: str | None,
        no_schedule: bool,
        **kwargs: object,
    ) -> None:
        schedule = given(
            {
                "everyMinutes": every_minutes,
                "cron": cron,
                "timeZone": zone,
                "activeHours": span_of(hours, "--hours") if hours else None,
                "days": _days(days) if days else None,
            }
        )
        if schedule and no_schedule:
            raise BadUsage("--no-schedule excludes the other options of a schedule.")
        if schedule and every_minutes is None and cron is None:
            raise BadUsage("A schedule needs --every-minutes or --cron.")
        body: Row = {"schedule": schedule or None} if schedule or no_schedule else {}
        function(*args, schedule=body, **kwargs)

    return run


def span_of(text: str, option: str) -> Row:
    """A part of a day, `HH:MM-HH:MM`, as the API has it. The API checks the times."""
    start, dash, end = (part.strip() for part in text.partition("-"))
    if not dash or not start or not end:
        raise BadUsage(f"{option} {text}: write it as 09:00-17:00.")
    return {"from": start, "to": end}


def _days(text: str) -> list[str]:
    days = [day.strip().lower() for day in text.split(",")]
    if unknown := [day for day in days if day not in DAYS]:
        raise BadUsage(f"--days: {unknown[0]!r} is none of {', '.join(DAYS)}.")
    return days


def watch_options(function: Callable[..., None]) -> Callable[..., None]:
    """A command that takes what discoveries do as `watch`: a function of what is set now."""

    @click.option(
        "--discover-every",
        type=click.IntRange(0),
        metavar="HOURS",
        help="Hours between two discoveries; 0 for none.",
    )
    @click.option(
        "--watch-include", metavar="GLOB", multiple=True, help="Watch only pages that match."
    )
    @click.option("--watch-exclude", metavar="GLOB", multiple=True, help="Watch no pages like it.")
    @click.option(
        "--watch-type", metavar="TYPE", multiple=True, help="Watch only pages of this type."
    )
    @click.option(
        "--watch-max-pages",
        type=click.IntRange(1),
        metavar="N",
        help="Number of pages that a discovery adds at most.",
    )
    @click.option("--watch-all", is_flag=True, help="Watch all pages that a discovery finds.")
    @wraps(function)
    def run(
        *args: object,
        discover_every: int | None,
        watch_include: tuple[str, ...],
        watch_exclude: tuple[str, ...],
        watch_type: tuple[str, ...],
        watch_max_pages: int | None,
        watch_all: bool,
        **kwargs: object,
    ) -> None:
        rules = given(
            {
                "include": list(watch_include) or None,
                "exclude": list(watch_exclude) or None,
                "pageTypes": list(watch_type) or None,
                "maxPages": watch_max_pages,
            }
        )
        if rules and watch_all:
            raise BadUsage("--watch-all excludes the other options of what is watched.")
        body = given({"discoverFrequencyHours": discover_every})
        if rules or watch_all:
            body["watch"] = rules or None
        function(*args, watch=body, **kwargs)

    return run


def merged_watch(watch: Row, present: Row) -> Row:
    """The body in which the rules that were not given stay as they are in `present`."""
    if not watch.get("watch"):
        return watch
    return {**watch, "watch": {**present["watch"], **watch["watch"]}}


tag_option = click.option("--tag", "tags", metavar="TAG", multiple=True, help="Add this tag.")
untag_option = click.option(
    "--untag", "untagged", metavar="TAG", multiple=True, help="Remove this tag."
)
tagged_option = click.option("--tag", metavar="TAG", help="Only with this tag.")


def tags_body(present: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> Row:
    """The body that sets the tags, empty if none was given."""
    if not added and not removed:
        return {}
    gone = {_normalised(tag) for tag in removed}
    kept = [tag for tag in present if tag not in gone]
    return {"tags": [*kept, *(tag for tag in added if _normalised(tag) not in kept)]}


def _normalised(tag: str) -> str:
    return " ".join(tag.split()).lower()
