"""`diffy mcp`, driven by the client of the `mcp` package over standard input and output."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tests.cli.client.conftest import Installed, Shop
from tests.cli.command import DIFFY, ROOT, environment
from tests.eventually import eventually
from tests.receiver import Receiver
from tests.site import FakeSite

if TYPE_CHECKING:
    from mcp import Client

READING = {
    "list_domains",
    "list_pages",
    "list_changes",
    "show_change",
    "list_jobs",
    "show_job",
    "count_jobs",
    "check_watching",
    "list_prices",
    "list_alerts",
    "preview_alert",
    "list_channels",
    "list_deliveries",
}
ENDING = {"cancel_job", "edit_domain", "edit_page", "remove_domain", "remove_page"}


@asynccontextmanager
async def assistant(installed: Installed, *options: str) -> AsyncIterator["Client"]:
    """An assistant's connection to `diffy mcp`."""
    # Slow to load; each process that runs tests reads all of them.
    from mcp import Client, StdioServerParameters

    server = StdioServerParameters(
        command=DIFFY[0],
        args=[*DIFFY[1:], "mcp", *options],
        cwd=ROOT,
        env=environment(installed.folder, DIFFY_URL=installed.url, DIFFY_API_KEY=installed.key),
    )
    async with Client(server) as client:
        yield client


async def answer(client: "Client", tool: str, **arguments: Any) -> Any:
    """The structured result of a tool."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def refusal(client: "Client", tool: str, **arguments: Any) -> str:
    """The sentence with which a tool fails."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content)


async def test_an_assistant_reads_what_a_site_changed(installed: Installed, shop: Shop) -> None:
    from cli.client.mcp_tools import READS

    async with assistant(installed) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == READING
        for tool in tools.values():
            assert tool.annotations == READS
            assert tool.output_schema is not None
            assert tool.output_schema["type"] == "object"
        found = await answer(client, "list_changes", domain=shop.name, since="7d")
        assert (found["total"], found["changes"][0]["summary"]) == (1, shop.change["summary"])
        change = await answer(client, "show_change", change_id=shop.change["id"][:8])
        assert "+ Pro costs {+$129+} a month." in change["difference"]
        assert change["cut"] is False
        none = await answer(client, "list_changes", domain=shop.name, until="7d")
        assert none["total"] == 0
        pages = await answer(client, "list_pages", domain="Shop")
        assert shop.site.url("/pricing") in {page["url"] for page in pages["pages"]}
        domains = await answer(client, "list_domains")
        assert shop.name in {domain["domain"] for domain in domains["domains"]}
        job = await answer(client, "show_job", job_id=shop.failed["id"])
        assert job["failedReason"] == shop.failed["failedReason"]
        failed = await answer(client, "list_jobs", domain=shop.name, state="failed")
        assert shop.failed["id"] in {each["id"] for each in failed["jobs"]}
        counts = await answer(client, "count_jobs", domain=shop.name)
        assert (counts["failed"], counts["total"]) == (1, 0)
        watching = await answer(client, "check_watching", domain=shop.name)
        assert watching["watched"] == 2
        assert "diffy domains list" in await refusal(client, "list_pages", domain="no.example")
        assert "7d" in await refusal(client, "list_changes", since="last week")
        assert "less than or equal to 100" in await refusal(client, "list_domains", limit=1000)
        assert "crawl" in await refusal(client, "crawl", domain=shop.name)


async def test_an_assistant_that_may_write_crawls_and_acknowledges(
    installed: Installed, shop: Shop
) -> None:
    async with assistant(installed, "--write") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) > READING
        for name in set(tools) - READING:
            annotations = tools[name].annotations
            assert annotations is not None
            assert annotations.read_only_hint is False
            assert annotations.destructive_hint is (name in ENDING)
        started = await answer(client, "crawl", domain=shop.name)
        assert started["jobsQueued"] == 2
        ran = await installed.run("jobs", "watch", "--batch", started["batchId"])
        assert ran.returncode == 0, ran.stderr
        seen = await answer(client, "acknowledge_change", change_id=shop.change["id"], by="Ada")
        assert seen["acknowledgedAt"] is not None
        page = await answer(client, "add_page", domain=shop.name, url=shop.site.url("/more"))
        assert page["url"] == shop.site.url("/more")
        retried = await answer(client, "retry_job", job_id=shop.failed["id"])
        await answer(client, "show_job", job_id=retried["jobId"])
        assert "finished" in await refusal(client, "cancel_job", job_id=shop.discovery["id"])


async def test_an_assistant_reads_prices(installed: Installed, shop: Shop) -> None:
    async with assistant(installed) as client:
        pricing = shop.site.url("/pricing")
        now = await answer(client, "list_prices", domain=shop.name, current=True)
        assert [(each["plan"], each["amount"], each["url"]) for each in now["prices"]] == [
            ("Pro", 129, pricing)
        ]
        both = await answer(client, "list_prices", page=pricing, plan="Pro")
        assert {(each["amount"], each["current"]) for each in both["prices"]} == {
            (129, True),
            (99, False),
        }
        assert both["total"] == 2
        assert "domain or a page" in await refusal(client, "list_prices")


async def test_an_assistant_sees_and_tries_who_is_told(installed: Installed, shop: Shop) -> None:
    async with Receiver() as receiver, assistant(installed, "--write") as client:
        await installed.json("channels", "add", "ops", "--webhook", receiver.url())
        await installed.json(
            "alerts", "add", "Severe", "--channel", "ops", "--domain", shop.name,
            "--min-severity", "low",
        )  # fmt: skip
        try:
            channels = await answer(client, "list_channels")
            [channel] = [each for each in channels["channels"] if each["name"] == "ops"]
            assert (channel["kind"], channel["state"]) == ("webhook", "active")
            alerts = await answer(client, "list_alerts")
            [alert] = [each for each in alerts["alerts"] if each["name"] == "Severe"]
            assert alert["channelIds"] == [channel["id"]]
            seen = await answer(client, "preview_alert", alert="Severe", min_severity="low")
            assert [each["id"] for each in seen["changes"]] == [shop.change["id"]]
            none = await answer(client, "preview_alert", alert="Severe", event="watch_broken")
            assert (none["examined"] > 0, none["matched"]) == (True, 0)
            tested = await answer(client, "test_channel", channel="ops")
            assert (tested["state"], tested["channelId"]) == ("delivered", channel["id"])
            told = await answer(client, "list_deliveries", channel="ops", state="delivered")
            assert [each["id"] for each in told["deliveries"]] == [tested["id"]]
            again = await answer(client, "redeliver", delivery_id=tested["id"])
            assert again["channelId"] == channel["id"]
        finally:
            await installed.run("alerts", "rm", "Severe", "--yes")
            await installed.run("channels", "rm", "ops", "--yes")


async def test_an_assistant_that_may_write_edits_and_removes(installed: Installed) -> None:
    async with FakeSite() as site, assistant(installed, "--write") as client:
        site.page("/", "<p>Pro costs $99 a month.</p>")
        added = await answer(client, "add_domain", domain=site.origin)
        url = site.url("/more")
        page = await answer(client, "add_page", domain=site.origin, url=url)
        edited = await answer(
            client, "edit_domain", domain=added["id"], display_name="Rival", paused=True,
            every_minutes=60, tags=["rivals"], crawl_settings={"confirmAfterSeconds": 60},
        )  # fmt: skip
        assert (edited["displayName"], edited["status"]) == ("Rival", "paused")
        shown = await installed.json("domains", "show", "Rival")
        assert (shown["tags"], shown["schedule"]["everyMinutes"]) == (["rivals"], 60)
        assert shown["crawlSettings"]["confirmAfterSeconds"] == 60
        edited = await answer(client, "edit_page", page=url, monitored=False, page_type="pricing")
        assert (edited["monitoringEnabled"], edited["pageType"]) == (False, "pricing")
        assert "Nothing to change" in await refusal(client, "edit_page", page=url)
        assert "pageType" in await refusal(client, "edit_page", page=url, page_type="none")
        started = await answer(client, "crawl_page", page=url)
        assert (await answer(client, "show_job", job_id=started["jobId"]))["url"] == url
        ran = await installed.json("crawl", site.origin, "--page", url, "--delay", "3600")

        async def delayed() -> list[list[str]]:
            batch = ["--batch", ran["batchId"], "--status", "delayed"]
            return await installed.lines("jobs", "list", *batch)

        [[later, *_]] = await eventually(delayed, lambda rows: len(rows) == 1)
        promoted = await answer(client, "promote_job", job_id=later)
        assert promoted["state"] != "delayed"
        removed = await answer(client, "remove_page", page=url)
        assert removed == {"id": page["id"], "name": url}
        assert "has no page" in await refusal(client, "remove_page", page=url)
        removed = await answer(client, "remove_domain", domain="Rival")
        assert removed["id"] == added["id"]
        assert "There is no domain" in await refusal(client, "crawl", domain="Rival")


async def test_without_the_package_the_command_says_how_to_install_it(
    installed: Installed,
) -> None:
    with patch.dict(sys.modules, {"mcp": None, "mcp.server": None}):
        sys.modules.pop("cli.client.mcp_tools", None)
        ran = await installed.run("mcp")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "diffy-jobs[mcp]" in ran.stderr


@pytest.mark.parametrize("option", ["--json", "--nothing"])
async def test_it_takes_no_other_options(installed: Installed, option: str) -> None:
    assert (await installed.run("mcp", option)).returncode == 2
