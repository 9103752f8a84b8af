"""Schedules, watch rules and crawl settings as the fields of a form, both ways."""

from typing import Final

from api.crawl_settings import CrawlSettingsView
from api.web.forms import Form, sparse
from core.errors import InvalidRequest
from core.schedules import Schedule
from core.web.watch_rules import WatchRules

SECRETS: Final = {"headers": ":", "cookies": "="}
"""Settings whose values are never shown, by what separates name and value on a line."""

LIMITS_WITHOUT_SCHEDULE: Final = (
    "Hours and days limit checks “every minutes” or “by cron”: choose one, or leave them out."
)

YES_NO: Final = {"yes": True, "no": False}


def schedule_fields(schedule: Schedule | None) -> dict[str, object]:
    """A schedule as fields; `when` says which kind it is, and is empty for none."""
    if schedule is None:
        return {}
    hours = schedule.active_hours
    return {
        "when": "cron" if schedule.cron else "minutes",
        "minutes": schedule.every_minutes,
        "cron": schedule.cron,
        "zone": schedule.time_zone,
        "active_from": hours.start if hours else None,
        "active_to": hours.end if hours else None,
        "day": schedule.days,
    }


def schedule_of(fields: Form) -> dict[str, object] | None:
    """The schedule that the fields say, as the REST API takes it; None for none.

    Raises InvalidRequest for hours or days without a schedule that they could limit.
    """
    kind = fields.text("when")
    hours = {"from": fields.text("active_from"), "to": fields.text("active_to")}
    if kind not in ("minutes", "cron"):
        limits = {
            **{f"schedule.activeHours.{end}": moment for end, moment in hours.items()},
            "schedule.days": fields.all("day"),
        }
        if given := [name for name, value in limits.items() if value]:
            raise InvalidRequest(
                LIMITS_WITHOUT_SCHEDULE, dict.fromkeys(given, LIMITS_WITHOUT_SCHEDULE)
            )
        return None
    return sparse(
        {
            "everyMinutes": (fields.whole("minutes") or "") if kind == "minutes" else None,
            "cron": fields.get("cron", "") if kind == "cron" else None,
            "timeZone": fields.text("zone"),
            "activeHours": sparse(hours) or None,
            "days": fields.all("day"),
        }
    )


def watch_fields(watch: WatchRules) -> dict[str, object]:
    """Watch rules as fields."""
    return {
        "include": "\n".join(watch.include),
        "exclude": "\n".join(watch.exclude),
        "watch_type": watch.page_types,
        "max_pages": watch.max_pages,
    }


def watch_of(fields: Form) -> dict[str, object]:
    """The watch rules that the fields say."""
    return sparse(
        {
            "include": fields.lines("include"),
            "exclude": fields.lines("exclude"),
            "pageTypes": fields.all("watch_type"),
            "maxPages": fields.whole("max_pages"),
        }
    )


def crawl_fields(settings: CrawlSettingsView) -> dict[str, object]:
    """Crawl settings as fields, without the values of headers and cookies."""

    def chosen(value: bool | None) -> str | None:
        return None if value is None else ("yes" if value else "no")

    masks = settings.masks_off
    return {
        "user_agent": settings.user_agent,
        "watch_selector": settings.watch_selector,
        "watch_json_path": settings.watch_json_path,
        "ignore_selectors": "\n".join(settings.ignore_selectors or []),
        "ignore_text": "\n".join(settings.ignore_text or []),
        "render": settings.render,
        "confirm": settings.confirm_after_seconds,
        "conditional": chosen(settings.conditional_requests),
        "links": chosen(settings.compare_links),
        "order": chosen(settings.ignore_order),
        "frames": settings.frames,
        "document_kind": settings.document_kind,
        "masks": None if masks is None else "chosen",
        "mask_off": masks,
    }


def crawl_settings_of(fields: Form) -> dict[str, object]:
    """The crawl settings that the fields say; a field that is left open unsets its setting.

    Headers and cookies stay if nothing is said of them. Raises InvalidRequest for a line of theirs
    without a separator.
    """
    settings: dict[str, object] = {
        "userAgent": fields.text("user_agent"),
        "watchSelector": fields.text("watch_selector"),
        "watchJsonPath": fields.text("watch_json_path"),
        "ignoreSelectors": fields.lines("ignore_selectors") or None,
        "ignoreText": fields.lines("ignore_text") or None,
        "render": fields.text("render"),
        "confirmAfterSeconds": fields.whole("confirm"),
        "conditionalRequests": YES_NO.get(fields.get("conditional", "")),
        "compareLinks": YES_NO.get(fields.get("links", "")),
        "ignoreOrder": YES_NO.get(fields.get("order", "")),
        "frames": fields.text("frames"),
        "documentKind": fields.text("document_kind"),
        "masksOff": fields.all("mask_off") if fields.text("masks") else None,
    }
    for name, sign in SECRETS.items():
        if lines := fields.lines(name):
            settings[name] = dict(_pair(name, line, sign) for line in lines)
        elif f"forget_{name}" in fields:
            settings[name] = None
    return settings


def _pair(field: str, line: str, sign: str) -> tuple[str, str]:
    name, found, value = line.partition(sign)
    if not found:
        # The line is not repeated: it may be a secret.
        sentence = f"Write a name, “{sign}” and a value on each line."
        raise InvalidRequest(sentence, {f"crawlSettings.{field}": sentence})
    return name.strip(), value.strip()
