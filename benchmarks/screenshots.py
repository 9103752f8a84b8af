"""Pictures of the web page for the README and the docs: `make screenshots` writes `docs/images/`.

It runs the system of `diffy demo` with its shop, tells the story by the REST API, and takes the
pictures with Debian's chromium.
"""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import httpx2
from playwright.async_api import Page, async_playwright

from cli.client.demo_shop import PRICING, raise_price, served_shop, write_shop
from cli.client.demo_system import running_system
from cli.client.profiles import Connection

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"
MAX_SIZE: Final = 100_000
"""Bytes of one picture."""

DESKTOP: Final = (1100, 720)
TALL: Final = (1100, 1060)
PHONE: Final = (375, 720)

CHANGELOG: Final = "changelog.html"
CAREERS: Final = (
    '<!doctype html>\n<html lang="en"><title>Careers</title><h1>Careers</h1>'
    '<p>We look for a carpenter who can write software.</p><p><a href="/">Home</a></p></html>\n'
)


def story(connection: Connection, shop: str, folder: Path) -> dict[str, str]:
    """Watch the shop until it has changed twice; the ids of what there is to see."""
    headers = {"Authorization": f"Bearer {connection.key}"}
    with httpx2.Client(base_url=connection.url, headers=headers, timeout=90) as api:

        def post(path: str, body: dict[str, Any]) -> Any:
            answer = api.post(path, json=body)
            answer.raise_for_status()
            return answer.json()["data"]

        def finished(query: str) -> None:
            while True:
                stats = api.get(f"/api/jobs/stats?{query}").json()["data"]
                if stats["total"] == 0:
                    return
                job = api.get(f"/api/jobs?{query}&limit=1").json()["data"]
                if job:
                    api.get(f"/api/jobs/{job[0]['id']}?wait=5")

        domain = post("/api/domains", {"domain": shop, "displayName": "Lantern & Co."})["id"]
        of_domain = f"domainId={domain}"
        finished(of_domain)
        hook = {"kind": "webhook", "name": "Sales team", "url": f"{shop}/hook"}
        channel = post("/api/channels", hook)["id"]
        rising = {"name": "Prices of competitors", "channelIds": [channel]}
        post("/api/alerts", {**rising, "on": {"pricePercent": 5}})
        serious = {"name": "What is serious, every morning", "channelIds": [channel]}
        post("/api/alerts", {**serious, "on": {"minSeverity": "high"}, "digest": "daily"})
        post(f"/api/domains/{domain}/crawl", {})
        finished(of_domain)
        raise_price(folder)
        post(f"/api/domains/{domain}/crawl", {})
        finished(of_domain)
        page = folder / PRICING
        page.write_text(page.read_text().replace("$79", "$69"))
        page = folder / CHANGELOG
        added = '<p><a href="/careers.html">Careers</a></p><h2>Version 3'
        page.write_text(page.read_text().replace("<h2>Version 3", added))
        (folder / "careers.html").write_text(CAREERS)
        post(f"/api/domains/{domain}/discover", {})
        finished(of_domain)
        post(f"/api/domains/{domain}/crawl", {})
        finished(of_domain)
        pages = api.get(f"/api/domains/{domain}/pages").json()["data"]
        changes = api.get("/api/changes?changeType=price_change").json()["data"]
    return {
        "domain": domain,
        "page": next(each["id"] for each in pages if each["url"].endswith(PRICING)),
        "change": changes[-1]["id"],
    }


async def take(connection: Connection, ids: dict[str, str]) -> None:
    """Take the pictures."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            chromium_sandbox=os.geteuid() != 0,
            args=["--disable-dev-shm-usage", "--disable-gpu"],
        )
        page = await (await browser.new_context(base_url=connection.url)).new_page()
        await page.goto("/sign-in")
        await page.get_by_label("API key").fill(connection.key or "")
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("heading", name="Changes").wait_for()
        change, prices = f"/changes/{ids['change']}", f"/pages/{ids['page']}"
        await shot(page, "changes", "/", DESKTOP)
        await shot(page, "change", change, DESKTOP)
        await shot(page, "prices-dark", prices, DESKTOP, dark=True)
        await shot(page, "select", f"{prices}/select?selector=p", TALL)
        await shot(page, "alerts", "/alerts", DESKTOP)
        await shot(page, "phone", "/", PHONE)
        await shot(page, "phone-dark", change, PHONE, dark=True)
        await browser.close()


async def shot(
    page: Page, name: str, path: str, size: tuple[int, int], *, dark: bool = False
) -> None:
    """A picture of what fits into a window of that size."""
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    await page.goto(path, wait_until="load")
    target = IMAGES / f"{name}.png"
    content = await page.screenshot(path=target)
    print(f"{target.relative_to(IMAGES.parents[1])}: {len(content) / 1000:.0f} kB")
    if len(content) > MAX_SIZE:
        raise SystemExit(f"{target.name} is larger than {MAX_SIZE} bytes.")


def main() -> None:
    """Write the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shop(folder / "shop")
        with (
            served_shop(folder / "shop") as shop,
            running_system(folder) as (connection, _),
        ):
            ids = story(connection, shop, folder / "shop")
            asyncio.run(take(connection, ids))


if __name__ == "__main__":
    main()
