"""Client commands against a running installation: what they do, print, and exit with."""

import csv
import io
import json
import re
from uuid import UUID

import pytest

from store.pages import NewPage, add_pages
from tests.cli.client.conftest import Installed, Shop
from tests.cli.command import Ran
from tests.eventually import eventually
from tests.ports import free_port

NOBODY = "00000000-0000-4000-8000-000000000000"
"""The id of nothing."""


def plain(ran: Ran) -> str:
    """What a terminal shows, without colours, its lines joined."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", ran.stdout)
    return re.sub(r"\s+", " ", text)


async def test_a_shop_is_watched_from_the_terminal(shop: Shop) -> None:
    assert (shop.domain["domain"], shop.domain["displayName"]) == (shop.name, "Shop")
    assert shop.domain["pages"] == 2
    assert (shop.batch["jobsQueued"], shop.batch["completed"], shop.batch["failed"]) == (2, 2, 0)
    assert shop.change["summary"] == "Price of Pro changed from $99 to $129."
    assert shop.page["pageType"] == "pricing"
    assert shop.failed["state"] == "failed"


async def test_a_list_in_a_pipe_is_tab_separated(installed: Installed, shop: Shop) -> None:
    lines = await installed.lines("pages", "list", shop.name)
    pricing = next(line for line in lines if line[1] == shop.site.url("/pricing"))
    assert pricing[:5] == [shop.page["id"], shop.site.url("/pricing"), "pricing", "active", "true"]
    assert {line[1] for line in lines} == {shop.site.url(p) for p in ("/", "/pricing", "/private")}


async def test_csv_has_a_header_of_the_fields_of_the_api(installed: Installed, shop: Shop) -> None:
    ran = await installed.run("changes", "list", "--csv")
    [row] = csv.DictReader(io.StringIO(ran.stdout))
    assert row["summary"] == shop.change["summary"]
    assert row["detectedAt"] == shop.change["detectedAt"]
    assert row["acknowledgedBy"] == ""


async def test_a_table_on_a_terminal_has_headings_short_ids_and_relative_times(
    installed: Installed, shop: Shop
) -> None:
    shown = plain(await installed.run("changes", "list", terminal=True))
    assert "ID WHEN SEVERITY TYPE PAGE SUMMARY" in shown
    assert f"{shop.change['id'][:8]} " in shown
    assert shop.change["id"] not in shown
    assert " ago " in shown


async def test_a_list_says_what_it_has_not_printed(installed: Installed, shop: Shop) -> None:
    ran = await installed.run("pages", "list", shop.name, "--limit", "2")
    assert len(ran.stdout.splitlines()) == 2
    assert ran.stderr == "2 of 3; --all prints all.\n"
    assert len(await installed.lines("pages", "list", shop.name, "--limit", "2", "--all")) == 3


async def test_a_change_in_the_terminal_marks_the_words(installed: Installed, shop: Shop) -> None:
    ran = await installed.run("changes", "show", shop.change["id"][:8], terminal=True)
    assert "\x1b[" in ran.stdout
    shown = plain(ran)
    assert "Price of Pro changed from $99 to $129." in shown
    assert "Plans - Pro costs $99 a month. + Pro costs $129 a month." in shown
    piped = await installed.run("changes", "show", shop.change["id"])
    assert (
        "@@ Plans @@\n- Pro costs [-$99-] a month.\n+ Pro costs {+$129+} a month.\n" in piped.stdout
    )
    table = await installed.run("changes", "show", shop.change["id"], "--csv")
    [row] = csv.DictReader(io.StringIO(table.stdout))
    assert (row["section"], row["before"]) == ("Plans", "Pro costs $99 a month.")
    whole = await installed.json("changes", "show", shop.change["id"])
    assert whole["diffData"]["after"].endswith("Pro costs $129 a month.")


async def test_the_quotas_are_printed_with_what_is_used(installed: Installed, shop: Shop) -> None:
    pages, checks, jobs = await installed.lines("quota")
    assert (pages[0], pages[2]) == ("pages", "3")
    assert (checks[0], jobs[0]) == ("checks a day", "unfinished jobs")
    whole = await installed.json("quota")
    assert whole["pages"] == {"limit": None, "used": 3}
    assert shop.domain["id"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--since", "1h"], 1),
        (["--until", "1h"], 0),
        (["--since", "2020-01-01"], 1),
        (["--type", "price_change"], 1),
        (["--type", "title_change"], 0),
        (["--severity", "low"], 0),
        (["--unacknowledged"], 1),
        (["--acknowledged"], 0),
    ],
)
async def test_changes_are_filtered(
    installed: Installed, shop: Shop, options: list[str], found: int
) -> None:
    assert len(await installed.lines("changes", "list", "--domain", "Shop", *options)) == found


async def test_a_page_is_found_by_the_address_that_was_printed_of_it(installed: Installed) -> None:
    name = "rival.example"
    rows: list[object] = [{"type": "domain", "domain": name}]
    addresses = [
        "https://www.rival.example/pricing",
        "http://rival.example/x",
        "https://rival.example/",
        "https://www.rival.example/",
        "https://rival.example:8443/x",
    ]
    rows += [{"type": "domain", "domain": f"{name}:8443"}]
    rows += [{"type": "page", "url": each} for each in addresses]
    file = installed.folder / "rival.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    await installed.lines("import", str(file))
    domain = await installed.json("domains", "show", name)
    routes = [f"https://{name}/#/plans", f"https://{name}/#/team"]  # only a discovery finds them
    async with installed.system.database.transaction() as session:
        found = [NewPage(each, "other") for each in routes]
        await add_pages(session, UUID(domain["id"]), found)
    try:
        for printed in (*addresses, *routes):
            shown = await installed.json("pages", "show", printed)
            assert shown["url"] == printed
        for other, meant in (
            ("http://rival.example/pricing", addresses[0]),
            ("https://www.rival.example/x", addresses[1]),
        ):
            assert (await installed.json("pages", "show", other))["url"] == meant
        assert (await installed.json("domains", "show", f"https://www.{name}"))["domain"] == name
        two = await installed.run("pages", "show", "http://rival.example/")
        assert (two.returncode, "can be 2 of them" in two.stderr) == (2, True)
        for missing in ("https://rival.example/none", "https://rival.example/#/none"):
            unknown = await installed.run("pages", "show", missing)
            assert "has no page" in unknown.stderr, missing
        section = await installed.json("pages", "show", f"{addresses[1]}#top")
        assert section["url"] == addresses[1]
        elsewhere = await installed.run("pages", "show", "https://rival.example:9/x")
        assert "There is no domain https://rival.example:9." in elsewhere.stderr
        foreign = ["crawl", name, "--page", "https://other.example/pricing"]
        assert "has no page" in (await installed.run(*foreign)).stderr, "not that of another site"
        page_for_domain = await installed.run("domains", "rm", addresses[0], "--yes")
        assert page_for_domain.returncode == 1
    finally:
        for each in (name, f"{name}:8443"):
            await installed.run("domains", "rm", each, "--yes")


async def test_jobs_show_has_the_attempts_on_a_terminal_and_in_json(
    installed: Installed, shop: Shop
) -> None:
    shown = plain(await installed.run("jobs", "show", shop.failed["id"], terminal=True))
    assert "STATE failed" in shown
    assert "ATTEMPT OUTCOME STARTED" in shown
    job = await installed.json("jobs", "show", shop.failed["id"])
    assert [each["number"] for each in job["attempts"]] == [1]


async def test_a_watched_job_that_failed_exits_with_1_and_says_what_to_do(
    installed: Installed, shop: Shop
) -> None:
    ran = await installed.run("jobs", "watch", shop.failed["id"])
    assert ran.returncode == 1
    assert ran.stdout.startswith(f"{shop.failed['id']}\tcrawl\t")
    assert shop.failed["failedReason"] in ran.stderr
    assert f"diffy jobs retry {shop.failed['id']}" in ran.stderr
    done = await installed.run("jobs", "watch", shop.discovery["id"], terminal=True)
    assert done.returncode == 0
    assert shop.discovery["id"][:20] in plain(done)


async def test_delayed_jobs_are_promoted_and_cancelled(installed: Installed, shop: Shop) -> None:
    later = await installed.json("crawl", shop.name, "--delay", "3600")
    batch = ["--batch", later["batchId"]]

    async def delayed() -> list[list[str]]:
        return await installed.lines("jobs", "list", *batch, "--status", "delayed")

    [first, second] = await eventually(delayed, lambda rows: len(rows) == 2)
    await installed.lines("jobs", "promote", first[0])
    ran = await installed.run("jobs", "watch", first[0])
    assert (ran.returncode, ran.stderr.splitlines()[-1].rpartition(": ")[2]) == (0, "completed")
    [cancelled] = await installed.json("jobs", "cancel", second[0])
    assert cancelled["state"] == "failed"
    ran = await installed.run("jobs", "watch", *batch)
    assert ran.returncode == 1
    assert "completed\t1" in ran.stdout
    assert f"diffy jobs list --batch {later['batchId']} --status failed" in ran.stderr
    again = await installed.run("jobs", "cancel", second[0])
    assert again.returncode == 1
    [retried] = await installed.json("jobs", "retry", second[0], "--wait")
    assert retried["state"] == "completed"


async def test_the_delayed_jobs_of_a_batch_are_promoted(installed: Installed, shop: Shop) -> None:
    later = await installed.json("crawl", shop.name, "--delay", "3600")
    batch = ["--batch", later["batchId"]]

    async def delayed() -> list[list[str]]:
        return await installed.lines("jobs", "list", *batch, "--status", "delayed")

    await eventually(delayed, lambda rows: len(rows) == 2)
    promoted = await installed.json("jobs", "promote", *batch)
    assert promoted == {"batchId": later["batchId"], "jobsPromoted": 2}
    assert (await installed.run("jobs", "watch", *batch)).returncode == 0
    neither = await installed.run("jobs", "promote")
    assert (neither.returncode, "--batch" in neither.stderr) == (2, True)


async def test_a_batch_is_cancelled(installed: Installed, shop: Shop) -> None:
    later = await installed.json("crawl", shop.name, "--delay", "3600")
    batch = ["--batch", later["batchId"]]

    async def delayed() -> list[list[str]]:
        return await installed.lines("jobs", "list", *batch, "--status", "delayed")

    # Of a batch whose jobs have not started yet there is none to cancel.
    await eventually(delayed, lambda rows: len(rows) == 2)
    cancelled = await installed.json("jobs", "cancel", *batch)
    assert cancelled == {"batchId": later["batchId"], "jobsCancelled": 2}
    stats = await installed.json("stats", "--batch", later["batchId"])
    assert (stats["total"], stats["failed"]) == (0, 2)


async def test_a_domain_is_edited(installed: Installed, shop: Shop) -> None:
    setting = 'headers={"X-Team": "ours"}'
    edited = await installed.json(
        "domains", "edit", shop.name, "--every", "12", "--pause", "--set", setting
    )
    assert (edited["checkFrequencyHours"], edited["status"]) == (12, "paused")
    assert "X-Team" in json.dumps(edited["crawlSettings"])
    back = await installed.json(
        "domains", "edit", shop.domain["id"], "--every", "24", "--resume", "--unset", "headers"
    )
    assert (back["status"], back["crawlSettings"]["headers"]) == (
        "active",
        shop.domain["crawlSettings"]["headers"],
    )


async def test_what_is_deleted_is_asked_about(installed: Installed, shop: Shop) -> None:
    url = shop.site.url("/temporary")
    await installed.json("pages", "add", shop.name, url)
    nobody = await installed.run("pages", "rm", url)
    assert nobody.returncode == 2
    assert "--yes" in nobody.stderr
    refused = await installed.run("pages", "rm", url, terminal=True, typed="n\n")
    assert refused.returncode == 1
    await installed.json("pages", "show", url)
    accepted = await installed.run("pages", "rm", url, terminal=True, typed="y\n")
    assert accepted.returncode == 0
    gone = await installed.run("pages", "show", url)
    assert gone.returncode == 1
    assert f"diffy pages list {shop.name}" in gone.stderr


async def test_stats_are_those_of_the_api(installed: Installed, shop: Shop) -> None:
    stats = await installed.json("stats", "--domain", shop.name, "--type", "discover")
    assert (stats["completed"], stats["total"]) == (1, 0)


async def test_a_key_that_is_wrong_or_missing_says_how_to_make_one(installed: Installed) -> None:
    wrong = await installed.run("stats", env={"DIFFY_API_KEY": "diffy_wrong"})
    assert wrong.returncode == 1
    missing = await installed.run("stats", env={"DIFFY_API_KEY": ""})
    assert missing.returncode == 2
    for ran in (wrong, missing):
        assert "diffy keys create --org NAME" in ran.stderr
        assert f"diffy login {installed.url}" in ran.stderr
        assert "diffy_wrong" not in ran.stderr


async def test_no_connection_exits_with_3_and_says_how_to_start(installed: Installed) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    for command in (["stats"], ["jobs", "watch", "abc"], ["domains", "add", "shop.example"]):
        ran = await installed.run(*command, env={"DIFFY_URL": nowhere})
        assert ran.returncode == 3, ran.stderr
        assert f"Nothing answers at {nowhere}" in ran.stderr
        assert "diffy up" in ran.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["stats", "--json", "--csv"], "exclude each other"),
        (["changes", "list", "--since", "yesterday"], "as 90min, 24h, 7d"),
        (["changes", "list", "--type", "nothing"], "changeType"),
        (["jobs", "list", "--status", "lost"], "'lost' is not one of"),
        (["jobs", "watch"], "--batch"),
        (["jobs", "watch", "abc", "--batch", NOBODY], "--batch"),
        (["jobs", "show", "a/b"], "is not the id of a job"),
        (["jobs", "cancel"], "diffy jobs list"),
        (["jobs", "retry"], "diffy jobs list"),
        (["changes", "ack"], "diffy changes list"),
        (["domains", "edit", "Shop"], "Nothing to change"),
        (["domains", "edit", "Shop", "--pause", "--resume"], "exclude each other"),
        (["domains", "edit", "Shop", "--set", "render"], "FIELD=VALUE"),
        (["domains", "edit", "Shop", "--set", "render=twice"], "crawlSettings"),
        (["domains", "add", "not a host"], "domain"),
        (["pages", "show", "pricing"], "diffy pages list"),
        (["open", "--docs", "--job", "abc"], "exclude each other"),
        (["stats", "--profile", "nobody"], "diffy login --profile nobody"),
    ],
)
async def test_bad_usage_exits_with_2_and_says_what_is_wrong(
    installed: Installed, shop: Shop, command: list[str], said: str
) -> None:
    ran = await installed.run(*command)
    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["domains", "show", "nobody.example"], "diffy domains add nobody.example"),
        (["domains", "show", NOBODY], "diffy domains list"),
        (["jobs", "show", "nothing"], "diffy jobs list"),
        (["jobs", "watch", "nothing"], "diffy jobs list"),
        (["jobs", "watch", "--batch", NOBODY], "no jobs of a batch"),
        (["changes", "show", "ffffffff"], "diffy changes list"),
        (["changes", "show", "f"], "diffy changes list"),
    ],
)
async def test_what_does_not_exist_exits_with_1_and_names_the_next_step(
    installed: Installed, shop: Shop, command: list[str], said: str
) -> None:
    ran = await installed.run(*command)
    assert ran.returncode == 1, ran.stderr
    assert said in ran.stderr


async def test_what_is_no_installation_says_so(installed: Installed, shop: Shop) -> None:
    shop.site.page("/other/api/jobs/stats", "<p>Hello</p>")
    for base in (shop.site.origin, shop.site.url("/other")):
        ran = await installed.run("stats", env={"DIFFY_URL": base})
        assert ran.returncode == 1
        assert "is not Diffy" in ran.stderr


async def test_an_empty_installation_says_what_to_do(installed: Installed) -> None:
    async with await installed.system.another_organisation() as api:
        key = api.headers["Authorization"].removeprefix("Bearer ")
    ran = await installed.run("domains", "list", terminal=True, env={"DIFFY_API_KEY": key})
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "diffy domains add" in ran.stderr
    assert await installed.json("domains", "list", env={"DIFFY_API_KEY": key}) == []
