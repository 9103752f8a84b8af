"""A newcomer's first run from a fresh clone, in seconds, step by step.

Run by hand: `.venv/bin/python -m benchmarks.first_run`. Clones the project into an empty folder and
runs `make up` there, which installs everything. Then Chromium does what a person does on the web
page, and the `diffy` of the clone what a person types: sign in, add a site of two pages, crawl it,
raise a price, crawl again and read the change. Only the machine's time is counted: nobody thinks or
types here.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from playwright.async_api import Page, async_playwright

from benchmarks.system import free_ports
from tests.site import FakeSite

ROOT: Final = Path(__file__).parents[1]
PRICES: Final = "<title>Prices</title><h1>Prices</h1><p>Pro costs ${} a month.</p>"
READY: Final = "Ctrl-C"

Mark = Callable[[str], None]


def stopwatch(figures: dict[str, float]) -> Mark:
    """Writes down, under a name, the seconds since the last call."""
    last = time.monotonic()

    def mark(step: str) -> None:
        nonlocal last
        now = time.monotonic()
        figures[step] = round(now - last, 1)
        last = now

    return mark


def printed_at_start(output: IO[str]) -> str:
    """What `make up` prints until everything runs."""
    text = ""
    for line in output:
        text += line
        if line.startswith(READY):
            return text
    raise SystemExit(f"it did not start: {text}")


def shown(site: FakeSite, price: int) -> None:
    """Serve the two pages with this price."""
    site.page("/", "<title>Shop</title><h1>Shop</h1><a href=/pricing>Prices</a>")
    site.page("/pricing", PRICES.format(price))


async def by_browser(page: Page, origin: str, key: str, site: FakeSite, mark: Mark) -> None:
    """From the address that was printed to the first change."""
    await page.goto(origin)
    await page.get_by_label("API key").fill(key)
    mark("the page asks for the key")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_label("Site to watch").fill(site.origin)
    mark("signed in")
    await page.get_by_role("button", name="Add and discover").click()
    await page.locator("tbody tr", has_text="/pricing").wait_for()
    mark("first page found")
    await page.get_by_role("link", name="0 unfinished", exact=True).wait_for()
    shown(site, 129)
    await page.get_by_role("button", name="Crawl now").click()
    await page.get_by_role("link", name=re.compile(r"\$99 to \$129")).first.click()
    await page.locator(".amounts").wait_for()
    mark("first change read")


async def by_terminal(diffy: Path, environ: dict[str, str], site: FakeSite, mark: Mark) -> None:
    """The same by commands."""

    async def run(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            str(diffy), *arguments, env=environ, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise SystemExit(f"diffy {' '.join(arguments)} ended with {process.returncode}")
        return output.decode()

    await run("domains", "add", site.origin, "--wait")
    assert "/pricing" in await run("pages", "list", site.origin)
    mark("first page found")
    shown(site, 129)
    await run("crawl", site.origin, "--wait")
    assert "from $99 to $129" in await run("changes", "list", "--domain", site.origin)
    mark("first change read")


async def used(clone: Path, environ: dict[str, str], key: str) -> dict[str, dict[str, float]]:
    """The seconds of each step, by browser and by terminal."""
    origin = f"http://127.0.0.1:{environ['DIFFY_API_PORT']}"
    browser: dict[str, float] = {}
    terminal: dict[str, float] = {}
    async with FakeSite() as site, FakeSite() as other, async_playwright() as driver:
        shown(site, 99)
        shown(other, 99)
        chromium = await driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            chromium_sandbox=os.geteuid() != 0,
            args=["--disable-dev-shm-usage", "--disable-gpu"],
        )
        page = await chromium.new_page()
        await by_browser(page, origin, key, site, stopwatch(browser))
        await chromium.close()
        own = {**environ, "DIFFY_URL": origin, "DIFFY_API_KEY": key}
        await by_terminal(clone / ".venv/bin/diffy", own, other, stopwatch(terminal))
    return {"by browser": browser, "by terminal": terminal}


def followed(clone: Path) -> dict[str, dict[str, float]]:
    """The seconds of each step."""
    api, temporal, ui = free_ports(3)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DIFFY_", "TEMPORAL_"))}
    environ = {
        **kept,
        "DIFFY_API_PORT": str(api),
        "DIFFY_TEMPORAL_PORT": str(temporal),
        "DIFFY_TEMPORAL_UI_PORT": str(ui),
        "DIFFY_ALLOW_PRIVATE_NETWORKS": "true",
    }
    start: dict[str, float] = {}
    mark = stopwatch(start)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    mark("git clone")
    make = subprocess.Popen(
        ["make", "up"], cwd=clone, env=environ, stdout=subprocess.PIPE, text=True
    )
    try:
        assert make.stdout is not None
        printed = printed_at_start(make.stdout)
        mark("make up, with all that it installs")
        found = re.search(r"API key:\s+(\S+)", printed)
        assert found is not None, printed
        return {"start": start, **asyncio.run(used(clone, environ, found[1]))}
    finally:
        make.send_signal(signal.SIGTERM)
        make.wait(60)


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(followed(Path(name, "diffy")), indent=2))


if __name__ == "__main__":
    main()
