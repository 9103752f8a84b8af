"""What is wrong or odd about schedules, channels and alerts is said at once, in plain words."""

from typing import Any

import pytest

from tests.system import System

HOOK = {"kind": "webhook", "name": "ops", "url": "https://hooks.example.com/"}


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"cron": "0 0 30 2 *"}, "never fires"),
        ({"cron": "0 7 * * *", "activeHours": {"from": "08:00", "to": "20:00"}}, "never fires"),
        ({"cron": "0 0 7 * * *"}, "five"),
        ({"cron": "0 7 * * *", "timeZone": "Europe/Atlantis"}, "time zone"),
        ({"everyMinutes": 4}, "5"),
        ({}, ""),
    ],
)
async def test_a_schedule_that_cannot_be_kept_is_refused(
    system: System, schedule: dict[str, Any], words: str
) -> None:
    body = {"domain": "shop.example", "schedule": schedule}
    answer = await system.api.post("/api/domains", json=body)
    assert answer.status_code == 400, answer.text
    details = answer.json()["details"]
    assert details
    assert all(name.startswith("schedule") for name in details)
    assert words in str(details)
    domain = await system.add_domain("shop.example")
    for path in (f"/api/domains/{domain.id}",):
        assert (await system.api.patch(path, json={"schedule": schedule})).status_code == 400


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channelIds": None}, "channelIds"),
        ({"channelIds": []}, "channelIds"),
        ({"name": ""}, "name"),
        ({"quietHours": {"from": "8", "to": "09:00", "timeZone": "UTC"}}, "quietHours.from"),
        (
            {"quietHours": {"from": "08:00", "to": "09:00", "timeZone": "Europe/Atlantis"}},
            "quietHours.timeZone",
        ),
        *(
            (
                {"quietHours": {"from": "08:00", "to": "09:00", "timeZone": zone}},
                "quietHours.timeZone",
            )
            for zone in ("localtime", "posixrules", "posix/Europe/Berlin", "right/UTC", "../UTC")
        ),
        ({"quietHours": {"from": "08:00", "to": "08:00", "timeZone": "UTC"}}, "quietHours"),
        ({"digest": "weekly"}, "digest"),
        ({"on": {"pricePercent": 0}}, "on.pricePercent"),
        ({"on": {"events": []}}, "on.events"),
        ({"on": {"tags": []}}, "on.tags"),
        ({"on": {"colour": "red"}}, "on.colour"),
    ],
)
async def test_an_alert_that_cannot_work_is_refused(
    system: System, change: dict[str, Any], field: str
) -> None:
    channel = (await system.api.post("/api/channels", json=HOOK)).json()["data"]
    body = {"name": "all", "channelIds": [channel["id"]], **change}
    given = {name: value for name, value in body.items() if value is not None}
    answer = await system.api.post("/api/alerts", json=given)
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field]), answer.text


@pytest.mark.parametrize(
    ("on", "warning"),
    [
        (None, "Every change matches: nothing is left out."),
        ({}, "Every change matches: nothing is left out."),
        (
            {"events": ["watch_broken"], "pricePercent": 5},
            "No change matches: only the event change has prices.",
        ),
        (
            {"events": ["page_added"], "changeTypes": ["price_change"]},
            "No change matches: none of the change types belongs to these events.",
        ),
        ({"words": []}, "No change matches: words names no word."),
    ],
)
async def test_a_rule_that_matches_everything_or_nothing_has_a_warning(
    system: System, on: dict[str, Any] | None, warning: str
) -> None:
    channel = (await system.api.post("/api/channels", json=HOOK)).json()["data"]
    body = {"name": "all", "channelIds": [channel["id"]], **({"on": on} if on is not None else {})}
    answer = await system.api.post("/api/alerts", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["warnings"] == [warning]
