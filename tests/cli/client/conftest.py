"""An installation that the commands use over real HTTP, and a shop that it has crawled."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.embedded import EmbeddedTemporal
from core.settings import Settings
from tests.api.served import served
from tests.cli.command import Ran, diffy
from tests.site import FakeSite
from tests.system import System, running_system

PRICING = (
    "<title>Prices</title><main><h1>Prices</h1><h2>Plans</h2><p>Pro costs {} a month.</p></main>"
)
HOME = "<title>Shop</title><main><h1>Shop</h1><a href='/pricing'>Prices</a></main>"


@dataclass(frozen=True)
class Installed:
    """A running installation, its address and a key for it."""

    system: System
    url: str
    key: str
    folder: Path

    async def run(
        self,
        *arguments: str,
        terminal: bool = False,
        typed: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """The result of a command with the key in its environment, and with what `env` says."""
        return await asyncio.to_thread(
            diffy,
            *arguments,
            data_dir=self.folder,
            terminal=terminal,
            typed=typed,
            **{
                "DIFFY_URL": self.url,
                "DIFFY_API_KEY": self.key,
                "XDG_CONFIG_HOME": str(self.folder / "config"),
                "COLUMNS": "150",
                "TERM": "xterm-256color",
                **(env or {}),
            },
        )

    async def lines(self, *arguments: str, env: Mapping[str, str] | None = None) -> list[list[str]]:
        """The lines that a command prints into a pipe, cut at their tabs."""
        ran = await self.run(*arguments, env=env)
        assert ran.returncode == 0, ran.stderr
        return [line.split("\t") for line in ran.stdout.splitlines()]

    async def json(self, *arguments: str, env: Mapping[str, str] | None = None) -> Any:
        """What a command prints with --json."""
        ran = await self.run(*arguments, "--json", env=env)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)


@dataclass(frozen=True)
class Shop:
    """A site that was discovered and crawled, once for each of two prices, all by commands."""

    site: FakeSite
    domain: Any
    page: Any
    discovery: Any
    batch: Any
    change: Any
    failed: Any

    @property
    def name(self) -> str:
        """Its domain, as a person writes it."""
        return self.site.origin


# Its worker must not outlive the tests of commands: other tests share its Temporal server.
@pytest.fixture(scope="package")
async def installed(
    temporal: EmbeddedTemporal, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installed]:
    """An installation with a worker."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copy(sqlite_template, folder / "diffy.db")
    settings = Settings(
        data_dir=folder,
        temporal_address=temporal.address,
        temporal_ui_url="http://ui.example",
        signal_targets="order-*",
        allow_private_networks=True,
        host_rps=1000,
    )
    async with (
        running_system(settings) as system,
        served(system.app) as listening,
        system.worker(),
    ):
        key = system.api.headers["Authorization"].removeprefix("Bearer ")
        yield Installed(system, listening.origin, key, folder)


@pytest.fixture(scope="module")
async def shop(installed: Installed) -> AsyncIterator[Shop]:
    """The shop, watched by the commands that a person would type."""
    async with FakeSite() as site:
        site.page("/", HOME)
        site.page("/pricing", PRICING.format("$99"))
        site.page("/private", "no", status=403)
        domain = await installed.json("domains", "add", site.origin, "--name", "Shop", "--wait")
        await installed.json("crawl", site.origin, "--wait")
        site.page("/pricing", PRICING.format("$129"))
        batch = await installed.json("crawl", site.origin, "--wait")
        [change] = await installed.json("changes", "list", "--domain", site.origin)
        private = site.url("/private")
        await installed.json("pages", "add", site.origin, private, "--no-monitor")
        ran = await installed.run("crawl", site.origin, "--page", "/private", "--wait")
        assert ran.returncode == 1, ran.stderr
        [failed] = await installed.json("jobs", "list", "--page", private)
        [discovery] = await installed.json(
            "jobs", "list", "--domain", site.origin, "--type", "discover"
        )
        page = await installed.json("pages", "show", site.url("/pricing"))
        yield Shop(site, domain, page, discovery, batch, change, failed)
        await installed.run("domains", "rm", site.origin, "--yes")
