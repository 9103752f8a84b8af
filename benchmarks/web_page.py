"""What the web page weighs, and how soon it shows its first row, with many jobs and changes.

Run by hand: `.venv/bin/python -m benchmarks.web_page [--jobs 2000] [--changes 10000]`. Prints of
each page the bytes that the first visit takes, and the layout shift. Of five loads it prints the
median milliseconds until the answer of the server begins and until the rows are painted.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from playwright.async_api import Page, async_playwright

from benchmarks.system import KEY, Diffy, until
from core.changes.detection import SeenPage, detect_change
from core.changes.rules import ChangeType, Severity
from store.db.engine import Database
from store.pages import NewPage, add_pages
from store.tables.changes import Change

LOADS: Final = 5

ROW: Final = {"/": ".changes li", "/jobs": "tbody tr", "/jobs/history": ".chart"}
"""What is a row of each page."""

WATCH: Final = """
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
"""

PAINTED: Final = "performance.getEntriesByName('first-contentful-paint').length > 0"

READ: Final = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return {
    bytes: [page, ...files].reduce((sum, each) => sum + each.encodedBodySize, 0),
    answer: page.responseStart,
    first_row: paint.startTime,
    shift: window.shift,
  };
}"""


async def fill(database: Database, org_id: UUID, domain_id: UUID, pages: int, changes: int) -> None:
    """Store pages that were not crawled, and changes of them."""
    async with database.transaction() as session:
        urls = [f"http://127.0.0.1:9/products/a-product-of-the-shop-{n}" for n in range(pages)]
        added = await add_pages(session, domain_id, [NewPage(url, "product") for url in urls])
    now = datetime.now(UTC)
    before, after = (
        SeenPage(urls[0], "Team", f"# Team\nTeam costs ${price} a month.") for price in (10, 12)
    )
    found = detect_change(before, after)
    assert found is not None
    difference = asdict(found.difference.for_display())
    severities = list(Severity)
    async with database.transaction() as session:
        session.add_all(
            Change(
                id=uuid4(),
                org_id=org_id,
                domain_id=domain_id,
                page_id=added.added[n % pages],
                job_id=f"crawl-{n}",
                event="change",
                change_type=ChangeType.PRICE_CHANGE,
                severity=severities[n % 4],
                confidence=0.9,
                summary=f"Price of the plan Team changed from ${n + 10} to ${n + 12}.",
                diff=difference,
                created_at=now - timedelta(minutes=n),
            )
            for n in range(changes)
        )


async def measured(page: Page, path: str) -> dict[str, Any]:
    """The figures of one page: of its first visit the bytes, of all loads the median."""
    figures: list[dict[str, float]] = []
    for _ in range(LOADS):
        await page.goto(path)
        await page.locator(ROW[path]).first.wait_for()
        await page.wait_for_function(PAINTED)
        figures.append(await page.evaluate(READ))
    return {
        "bytes": figures[0]["bytes"],
        "answer_ms": round(statistics.median(each["answer"] for each in figures)),
        "first_row_ms": round(statistics.median(each["first_row"] for each in figures)),
        "shift": max(each["shift"] for each in figures),
        "rows": await page.locator(ROW[path]).count(),
    }


async def browse(origin: str) -> dict[str, Any]:
    """The figures of each page."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            chromium_sandbox=os.geteuid() != 0,
            args=["--disable-dev-shm-usage", "--disable-gpu"],
        )
        page = await (await browser.new_context(base_url=origin)).new_page()
        await page.add_init_script(WATCH)
        await page.goto("/sign-in")
        await page.get_by_label("API key").fill(KEY)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("heading", name="Changes").wait_for()
        # The first visit of all: nothing is kept by the browser yet.
        session = await page.context.new_cdp_session(page)
        await session.send("Network.clearBrowserCache")
        found = {path: await measured(page, path) for path in ROW}
        await browser.close()
        return found


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--changes", type=int, default=10_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        system = Diffy(Path(name) / "data")
        try:
            until(system.healthy, bool, within=300)
            domain = system.post("/api/domains", {"domain": "http://127.0.0.1:9"})
            until(lambda: system.get("/api/jobs/stats")["total"], lambda total: not total)

            async def stored() -> None:
                database = Database.open(f"sqlite:///{system.data / 'diffy.db'}")
                await fill(
                    database,
                    UUID(domain["orgId"]),
                    UUID(domain["id"]),
                    wanted.jobs,
                    wanted.changes,
                )
                await database.close()

            asyncio.run(stored())
            path = f"/api/domains/{domain['id']}/crawl"
            system.post(path, {"delaySeconds": 86_400})
            until(lambda: len(system.get("/api/jobs?limit=1")), lambda count: count > 0)
            until(
                lambda: system.get("/api/jobs/stats")["delayed"],
                lambda count: count >= wanted.jobs,
            )
            print(json.dumps(asyncio.run(browse(system.origin)), indent=2))
        finally:
            system.stop()


if __name__ == "__main__":
    main()
