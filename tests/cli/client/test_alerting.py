"""Alerts, channels, deliveries, schedules and tags, by commands."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.cli.client.conftest import PRICING, Installed, Shop
from tests.cli.client.test_commands import plain
from tests.eventually import eventually
from tests.receiver import Receiver


@dataclass(frozen=True)
class Ops:
    """A webhook, the receiver behind it, and its secret."""

    channel: Any
    receiver: Receiver


@pytest.fixture
async def ops(installed: Installed) -> AsyncIterator[Ops]:
    """The channel `ops`, made without a command; whatever was added is deleted."""
    api = installed.system.api
    async with Receiver() as receiver:
        hook = {"kind": "webhook", "name": "ops", "url": receiver.url()}
        yield Ops((await api.post("/api/channels", json=hook)).json()["data"], receiver)
        for what in ("alerts", "channels"):
            for each in (await api.get(f"/api/{what}")).json()["data"]:
                gone = await api.delete(f"/api/{what}/{each['id']}")
                assert gone.status_code == 204, gone.text


async def test_a_change_is_told_to_a_channel_that_commands_have_made(
    installed: Installed, shop: Shop, ops: Ops
) -> None:
    channel = await installed.json("channels", "add", "sales", "--webhook", ops.receiver.url())
    alert = await installed.json(
        "alerts", "add", "Prices", "--channel", "sales", "--domain", shop.name, "--price", "up"
    )
    assert alert["channelIds"] == [channel["id"]]
    shop.site.page("/pricing", PRICING.format("$149"))
    await installed.json("crawl", shop.name, "--page", "/pricing", "--wait")
    [told] = await ops.receiver.got(1)
    change = told.verified(channel["secret"])["data"]
    assert change["url"] == shop.site.url("/pricing")

    async def delivered() -> Any:
        return await installed.json("deliveries", "list", "--alert", "Prices")

    [delivery] = await eventually(delivered, lambda rows: rows[0]["state"] == "delivered")
    of_change = await installed.json("deliveries", "list", "--change", delivery["changeId"])
    assert [each["id"] for each in of_change] == [delivery["id"]]
    again = await installed.json("deliveries", "redeliver", delivery["id"][:8])
    assert again["id"] == delivery["id"]
    await ops.receiver.got(2)


async def test_a_secret_is_shown_when_it_is_made_and_not_later(
    installed: Installed, ops: Ops
) -> None:
    shown = await installed.run("channels", "show", "ops")
    assert ops.channel["secret"] not in shown.stdout
    rotated = await installed.run("channels", "rotate", "ops")
    [line] = [row for row in rotated.stdout.splitlines() if row.startswith("secret\t")]
    assert line.removeprefix("secret\t").startswith("whsec_")


async def test_a_test_that_does_not_arrive_exits_with_1_and_says_why(
    installed: Installed, ops: Ops
) -> None:
    good = await installed.run("channels", "test", "ops")
    assert (good.returncode, "state\tdelivered\n" in good.stdout) == (0, True)
    ops.receiver.answer = lambda _: (500, {})
    ran = await installed.run("channels", "test", "ops")
    assert ran.returncode == 1
    assert "state\tfailed\n" in ran.stdout
    assert "500" in ran.stderr
    assert f"diffy channels show {ops.channel['id']}" in ran.stderr
    unwaited = await installed.run("channels", "test", "ops", "--no-wait")
    assert (unwaited.returncode, "state\tpending\n" in unwaited.stdout) == (0, True)


async def test_a_channel_is_renamed_and_turned_off_and_on(installed: Installed, ops: Ops) -> None:
    off = await installed.json("channels", "edit", "ops", "--name", "Ops 2", "--off")
    assert (off["name"], off["state"]) == ("Ops 2", "off")
    on = await installed.json("channels", "edit", "Ops 2", "--on")
    assert on["state"] == "active"


async def test_filters_that_are_not_given_stay_and_dropped_ones_go(
    installed: Installed, ops: Ops
) -> None:
    await installed.json(
        "alerts", "add", "Words", "--channel", "ops", "--word", "sale", "--appear", "new",
        "--min-severity", "high", "--quiet", "22:00-07:00", "--zone", "Europe/Berlin",
    )  # fmt: skip
    edited = await installed.json(
        "alerts", "edit", "Words", "--drop", "min-severity", "--tag", "Plans", "--disable"
    )
    rule = {name: value for name, value in edited["on"].items() if value is not None}
    assert rule == {"tags": ["plans"], "words": {"appear": ["sale", "new"], "vanish": ["sale"]}}
    assert edited["enabled"] is False
    assert edited["quietHours"] == {"from": "22:00", "to": "07:00", "timeZone": "Europe/Berlin"}
    loud = await installed.json("alerts", "edit", "Words", "--no-quiet", "--name", "Loud")
    assert (loud["name"], loud["quietHours"], loud["on"]) == ("Loud", None, edited["on"])
    [row] = await installed.lines("alerts", "list")
    assert row[1:4] == ["Loud", "false", "none"]


async def test_a_preview_lists_what_would_have_been_told(
    installed: Installed, shop: Shop, ops: Ops
) -> None:
    await installed.json("alerts", "add", "Low", "--channel", "ops", "--type", "title_change")
    nothing = await installed.json("alerts", "preview", "Low", "--domain", shop.name)
    assert (nothing["matched"], nothing["messages"]) == (0, 0)
    ran = await installed.run("alerts", "preview", "--domain", shop.name, "--csv")
    rows = list(csv.DictReader(io.StringIO(ran.stdout)))
    assert shop.change["id"] in {row["id"] for row in rows}
    ran = await installed.run("alerts", "preview", "--domain", shop.name, terminal=True)
    shown = plain(ran)
    assert f"MATCHED {len(rows)} " in shown
    assert f" {shop.change['id'][:8]} " in shown


async def test_a_domain_has_a_schedule_watch_rules_and_tags(
    installed: Installed, shop: Shop
) -> None:
    edit = ("domains", "edit", shop.name)
    edited = await installed.json(
        *edit, "--cron", "0 9 * * mon-fri", "--zone", "Europe/Berlin",
        "--watch-exclude", "/blog/*", "--watch-type", "pricing", "--discover-every", "0",
        "--tag", "Rivals", "--tag", "shops",
    )  # fmt: skip
    assert edited["schedule"]["cron"] == "0 9 * * mon-fri"
    assert edited["schedule"]["timeZone"] == "Europe/Berlin"
    assert edited["discoverFrequencyHours"] == 0
    assert edited["tags"] == ["rivals", "shops"]
    assert [row[1] for row in await installed.lines("domains", "list", "--tag", "rivals")] == [
        shop.name
    ]
    later = await installed.json(*edit, "--watch-max-pages", "7", "--untag", "SHOPS")
    assert later["watch"] == {**edited["watch"], "maxPages": 7}
    assert (later["tags"], later["schedule"]) == (["rivals"], edited["schedule"])
    back = await installed.json(*edit, "--no-schedule", "--watch-all", "--untag", "rivals")
    assert (back["schedule"], back["watch"]["pageTypes"], back["tags"]) == (None, [], [])


async def test_a_page_has_a_schedule_and_tags(installed: Installed, shop: Shop) -> None:
    edit = ("pages", "edit", shop.page["id"])
    edited = await installed.json(
        *edit, "--every-minutes", "30", "--hours", "08:00-18:00", "--days", "mon,Fri",
        "--tag", "plans",
    )  # fmt: skip
    assert edited["schedule"]["everyMinutes"] == 30
    assert edited["schedule"]["activeHours"] == {"from": "08:00", "to": "18:00"}
    assert edited["schedule"]["days"] == ["mon", "fri"]
    [row] = await installed.lines("pages", "list", shop.name, "--tag", "plans")
    assert row[0] == shop.page["id"]
    back = await installed.json(*edit, "--no-schedule", "--untag", "plans")
    assert (back["schedule"], back["tags"]) == (None, [])


async def test_watching_names_the_pages_that_fail(installed: Installed, shop: Shop) -> None:
    private = shop.site.url("/private")
    await installed.run("pages", "edit", private, "--monitor")
    ran = await installed.run("watching", "--domain", shop.name)
    assert ran.returncode == 0
    assert f"failing\t{private}\t" in ran.stdout
    assert "1 failing" in ran.stderr
    whole = await installed.json("watching", "--domain", shop.name)
    assert whole["failing"]["pages"][0]["url"] == private
    await installed.run("pages", "edit", private, "--no-monitor")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["channels", "add", "x"], "--webhook, --email or --signal"),
        (["channels", "add", "x", "--webhook", "u", "--signal", "a:b"], "one target"),
        (["channels", "add", "x", "--signal", "job"], "WORKFLOW_ID:NAME"),
        (["channels", "add", "x", "--webhook", "ftp://x"], "not an address"),
        (["channels", "edit", "ops"], "Nothing to change"),
        (["channels", "edit", "ops", "--on", "--off"], "exclude each other"),
        (["channels", "edit", "ops", "--signal", "a:b"], "kind signal"),
        (["alerts", "add", "x"], "diffy channels list"),
        (["alerts", "add", "x", "--channel", "ops", "--zone", "UTC"], "--quiet"),
        (["alerts", "add", "x", "--channel", "ops", "--quiet", "night"], "09:00-17:00"),
        (["alerts", "add", "x", "--channel", "ops", "--quiet", "9-10"], "quietHours"),
        (["alerts", "add", "x", "--channel", "ops", "--type", "none"], "changeTypes"),
        (["domains", "edit", "Shop", "--zone", "UTC"], "--every-minutes or --cron"),
        (["domains", "edit", "Shop", "--cron", "x", "--no-schedule"], "excludes"),
        (["domains", "edit", "Shop", "--cron", "* * * * *"], "every 5 minutes"),
        (["domains", "edit", "Shop", "--watch-all", "--watch-type", "docs"], "excludes"),
        (["domains", "edit", "Shop", "--cron", "0 9 * * *", "--days", "someday"], "someday"),
    ],
)
async def test_bad_usage_exits_with_2_and_says_what_is_wrong(
    installed: Installed, shop: Shop, ops: Ops, command: list[str], said: str
) -> None:
    ran = await installed.run(*command)
    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize(
    "command", [("channels", "show"), ("alerts", "show"), ("deliveries", "show")]
)
async def test_what_does_not_exist_names_the_command_that_lists(
    installed: Installed, command: tuple[str, str]
) -> None:
    for name in ("nothing", "00000000-0000-4000-8000-000000000000"):
        ran = await installed.run(*command, name)
        assert ran.returncode == 1
        assert f"diffy {command[0]} list" in ran.stderr


async def test_prices_are_those_that_hold_and_those_that_did(
    installed: Installed, shop: Shop
) -> None:
    url = shop.site.url("/pricing")
    current = await installed.json("prices", shop.name, "--current")
    assert [each["url"] for each in current] == [url]
    former = await installed.lines("prices", "--page", url, "--former", "--all")
    amounts = {current[0]["amount"], *(float(row[2]) for row in former)}
    assert {99.0, 129.0} <= amounts
    assert await installed.json("prices", shop.name, "--plan", "none of them") == []
    ran = await installed.run("prices")
    assert (ran.returncode, "diffy domains list" in ran.stderr) == (2, True)


async def test_a_feed_is_read_at_its_address_until_it_is_revoked(
    installed: Installed, shop: Shop
) -> None:
    added = await installed.json("feeds", "add", "Shop", "--domain", shop.name)
    assert (added["kind"], added["domainId"]) == ("domain", shop.domain["id"])
    path = urlsplit(added["url"]).path
    async with httpx2.AsyncClient(base_url=installed.url) as reader:
        feed = await reader.get(path)
        assert (feed.status_code, shop.site.url("/pricing") in feed.text) == (200, True)
        shown = await installed.run("feeds", "show", "Shop")
        assert path not in shown.stdout
        removed = await installed.run("feeds", "rm", added["id"][:8], "--yes")
        assert removed.returncode == 0, removed.stderr
        assert (await reader.get(path)).status_code == 404
    gone = await installed.run("feeds", "show", "Shop")
    assert (gone.returncode, "diffy feeds list" in gone.stderr) == (1, True)
    both = await installed.run("feeds", "add", "x", "--domain", shop.name, "--tag", "a")
    assert (both.returncode, "one domain, one tag or one alert" in both.stderr) == (2, True)
