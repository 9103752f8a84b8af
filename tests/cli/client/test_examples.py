"""Every example of `--help` works as it is written, and every client command has one."""

import re
import shlex
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

import click
import pytest

from cli.client.commands import COMMANDS
from cli.client.demo import demo
from cli.client.mcp import mcp
from tests.cli.client.conftest import PRICING, Installed, Shop
from tests.cli.command import Ran
from tests.receiver import Receiver
from tests.site import FakeSite


def commands_in(command: click.Command) -> Iterator[click.Command]:
    """The commands of a group, or the command itself."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from commands_in(each)
    else:
        yield command


EVERY = [each for command in COMMANDS for each in commands_in(command)]
EXAMPLES = [
    line.strip()
    for command in EVERY
    if command not in (demo, mcp)  # tests/cli/client/test_demo.py, test_mcp.py
    for line in (command.epilog or "").splitlines()
    if line.startswith("  diffy ")
]


FILES: Final = {
    "urls.txt": "https://import.example/\n",
    "changedetection-backup.zip": '{"watching": {"x": {"url": "https://import.example/"}}}',
    "urlwatch.yaml": "url: https://import.example/\n",
}
"""Files that examples import; those after the first find its domain there."""


def test_every_command_has_an_example_in_its_help() -> None:
    assert [each.name for each in EVERY if "  diffy " not in (each.epilog or "")] == []


@pytest.fixture
async def fresh(installed: Installed) -> AsyncIterator[FakeSite]:
    """A site that is not watched yet."""
    async with FakeSite() as site:
        for path in ("/", "/pricing"):
            site.page(path, PRICING.format("$99"))
        yield site
        api = installed.system.api
        for each in (await api.get("/api/domains?limit=100")).json()["data"]:
            if site.origin.endswith(each["domain"]):
                await api.delete(f"/api/domains/{each['id']}")


@dataclass(frozen=True)
class Told:
    """A channel `ops` that answers, and what its example is about: an alert `Severe` for it, a feed
    `Releases`, a delivery that arrived.
    """

    receiver: Receiver
    delivery: str


@pytest.fixture
async def told(installed: Installed, request: pytest.FixtureRequest) -> AsyncIterator[Told | None]:
    """What examples of alerts, channels and deliveries are about; None for other examples."""
    example = request.node.callspec.params["example"]
    if not re.match(r"diffy (alerts|channels|deliveries|feeds) ", example):
        yield None
        return
    async with Receiver() as receiver:
        delivery, channel = "", ""
        if not example.startswith("diffy channels add"):
            hook = {"kind": "webhook", "name": "ops", "url": receiver.url()}
            channel = await added(installed, "channels", hook)
        if example.startswith("diffy deliveries"):
            delivery = (await installed.json("channels", "test", "ops"))["id"]
        if re.match("diffy alerts (?!add)", example):
            alert = {"name": "Severe", "channelIds": [channel], "on": {"tags": ["none"]}}
            await added(installed, "alerts", alert)
        if re.match("diffy feeds (?!add)", example):
            await added(installed, "feeds", {"name": "Releases"})
        yield Told(receiver, delivery)
        api = installed.system.api
        for what in ("alerts", "channels", "feeds"):
            for each in (await api.get(f"/api/{what}")).json()["data"]:
                gone = await api.delete(f"/api/{what}/{each['id']}")
                assert gone.status_code == 204, gone.text


async def added(installed: Installed, what: str, body: object) -> str:
    """The id of something new, made without a command, which costs more."""
    answer = await installed.system.api.post(f"/api/{what}", json=body)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["data"]["id"]
    return made


@pytest.mark.parametrize("example", EXAMPLES)
async def test_an_example_works(
    installed: Installed, shop: Shop, fresh: FakeSite, told: Told | None, example: str
) -> None:
    site = shop.site
    if re.match(r"diffy (domains|pages) (add|rm)", example):
        site = fresh
        if not example.startswith("diffy domains add"):
            domain = await installed.json("domains", "add", site.origin)
            await installed.run("jobs", "cancel", domain["discoveryJobId"])  # if it still runs
        if example.startswith("diffy pages rm"):
            await installed.run("pages", "add", site.origin, site.url("/pricing"))
    config = {"XDG_CONFIG_HOME": str(installed.folder / "examples")}
    if "work" in example and "login" not in example:
        await installed.run("login", "--profile", "work", env=config)
    typed = example.replace("https://shop.example", site.origin)
    typed = typed.replace("https://diffy.example", installed.url)
    typed = typed.replace("shop.example", site.origin).replace("CHANGE", shop.change["id"][:8])
    for name, content in FILES.items():
        path = installed.folder / name
        path.write_text(content)
        typed = typed.replace(f" {name}", f" {path}")
    if told is not None:
        typed = typed.replace("DELIVERY", told.delivery[:8])
    if "JOB" in typed or "BATCH" in typed:
        job, batch = await ids_for(example, installed, shop)
        typed = typed.replace("JOB", job).replace("BATCH", batch)
    with patch("click.launch", return_value=0):
        ran: Ran = await installed.run(*shlex.split(typed)[1:], env=config)
    assert ran.returncode == 0, ran.stderr


async def ids_for(example: str, installed: Installed, shop: Shop) -> tuple[str, str]:
    """A job and a batch in the state that the example is about."""
    if "cancel" in example or "promote" in example:
        later: Any = await installed.json("crawl", shop.name, "--delay", "3600")
        batch = later["batchId"]
        job: Any = None
        while not job:
            job = await installed.lines("jobs", "list", "--batch", batch, "--status", "delayed")
        return job[0][0], batch
    if "retry" in example:
        shop.site.page("/private", PRICING.format("$1"))
        return shop.failed["id"], ""
    return shop.discovery["id"], shop.batch["batchId"]


async def test_open_opens_the_browser_or_prints_where_there_is_none(
    installed: Installed, shop: Shop
) -> None:
    with patch("click.launch", return_value=0) as launch:
        ran = await installed.run("open", "--change", shop.change["id"])
    assert ran.stdout == ""
    launch.assert_called_once_with(shop.site.url("/pricing"))
    with patch("click.launch", return_value=1):
        ran = await installed.run("open", "--job", shop.discovery["id"])
    assert ran.stdout.startswith("http://ui.example/namespaces/default/workflows/")
    assert shop.discovery["id"] in ran.stdout


@pytest.mark.parametrize(
    ("shell", "sign"),
    [("bash", "complete -o"), ("zsh", "compdef"), ("fish", "complete --no-files")],
)
async def test_completion_asks_the_command_itself(
    installed: Installed, shell: str, sign: str
) -> None:
    ran = await installed.run("completion", shell)
    assert ran.returncode == 0
    assert sign in ran.stdout
    assert "_DIFFY_COMPLETE" in ran.stdout


def test_commands_and_options_are_completed() -> None:
    from click.shell_completion import ShellComplete

    from cli.main import diffy

    def completed(*words: str) -> set[str]:
        *before, last = words
        asked = ShellComplete(diffy, {}, "diffy", "_DIFFY_COMPLETE")
        return {item.value for item in asked.get_completions(before, last)}

    assert completed("dom") == {"domains"}
    assert completed("jobs", "") >= {"list", "show", "watch", "cancel", "retry", "promote"}
    assert "--wait" in completed("crawl", "--w")
    assert completed("jobs", "list", "--status", "f") == {"failed"}
