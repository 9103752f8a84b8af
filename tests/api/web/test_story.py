"""The web page in a real browser: from the first run to a change, and what may go wrong."""

import re
from typing import Final

from playwright.async_api import Page, Route

from store.keys import revoke_key
from tests.api.web.conftest import PHONE, Visitor, WebSystem
from tests.site import FakeSite

SHOP: Final = "<title>Shop</title><h1>Shop</h1><a href='/pricing'>Prices</a>"
PRICES: Final = "<title>Prices</title><h1>Prices</h1><h2>Teams</h2><p>Pro costs ${} a month.</p>"


async def sign_in(page: Page, key: str) -> None:
    """Fill in the form that asks for a key."""
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has that name has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await focused.count() and name in (
            (await focused.inner_text()) or (await focused.get_attribute("id")) or ""
        ):
            return
    raise AssertionError(f"Tab does not reach {name}")


async def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways."""
    return bool(
        await page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


async def test_from_the_first_run_to_a_change_that_is_acknowledged(
    web: WebSystem, visitor: Visitor, site: FakeSite
) -> None:
    page = visitor.page
    site.page("/", SHOP)
    site.page("/pricing", PRICES.format(99))
    await page.goto("/")
    await sign_in(page, "diffy_wrong")
    await page.get_by_role("alert").filter(has_text="unknown or revoked").wait_for()
    await sign_in(page, web.key.key)
    await page.get_by_role("heading", name="Watch your first site").wait_for()
    await page.get_by_label("Site to watch").fill("not a site")
    await page.get_by_role("button", name="Add and discover").click()
    await page.get_by_role("alert").wait_for()
    await page.get_by_label("Site to watch").fill(site.origin)
    await page.get_by_role("button", name="Add and discover").click()
    await page.get_by_role("heading", name="At work").wait_for()
    # Nothing is loaded again by hand from here on: what moves does so by the stream.
    async with web.system.worker():
        await page.locator("tbody tr", has_text="/pricing").wait_for()
        await page.get_by_role("link", name="0 unfinished", exact=True).wait_for()
        await page.get_by_role("button", name="Crawl now").click()
        await page.get_by_text("The crawl was started.").wait_for()
        checked = page.locator("tbody tr", has_text="/pricing").locator(".page-active")
        await checked.wait_for()
        await page.get_by_role("link", name="0 unfinished", exact=True).wait_for()
        site.page("/pricing", PRICES.format(129))
        await page.goto("/")
        await page.get_by_text("No change yet").wait_for()
        await page.get_by_text("Live", exact=True).wait_for()
        listed = await page.context.new_page()
        await listed.goto("/domains")
        await listed.get_by_role("link", name=re.compile("127.0.0.1")).first.click()
        await listed.get_by_role("button", name="Crawl now").click()
        await page.get_by_role("link", name=re.compile(r"\$99 to \$129")).click()
    amounts = await page.locator(".amounts").text_content() or ""
    assert " ".join(amounts.split()) == "before $99 → after $129"
    assert await page.locator(".block ins").all_inner_texts() == ["$129"]
    assert await page.locator(".block del").all_inner_texts() == ["$99"]
    await page.get_by_role("heading", name="Teams").wait_for()
    await page.get_by_role("link", name="Side by side").click()
    before, after = page.locator(".sides .before"), page.locator(".sides .after")
    assert "Pro costs $99 a month." in await before.inner_text()
    assert "Pro costs $129 a month." in await after.inner_text()
    await page.get_by_role("button", name="Acknowledge").click()
    await page.get_by_text("by acme").wait_for()
    assert [each for each in visitor.complaints if "401" not in each and "400" not in each] == []


async def test_a_job_is_cancelled_and_run_again_by_keyboard_alone_and_on_a_phone(
    web: WebSystem, visitor: Visitor, site: FakeSite
) -> None:
    page = visitor.page
    await page.set_viewport_size(PHONE)
    await page.goto("/")
    await page.keyboard.type(web.key.key)  # the field has the focus
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Watch your first site").wait_for()
    assert await fits(page)
    await page.keyboard.type(site.origin)
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="At work").wait_for()
    assert await fits(page)
    await page.reload()
    await page.keyboard.press("Tab")
    assert await page.locator(":focus").inner_text() == "Skip to the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await tab_to(page, "Discovery of the pages")
    await page.keyboard.press("Enter")
    await page.get_by_text("waiting", exact=True).wait_for()
    assert await fits(page)
    await tab_to(page, "Cancel")
    await page.keyboard.press("Enter")
    await page.locator(".notice", has_text="The job was cancelled.").wait_for()
    await page.get_by_text("Why it failed").wait_for()
    failed = page.url.partition("?")[0]
    await tab_to(page, "Run again")
    await page.keyboard.press("Enter")
    await page.get_by_text("This job runs the failed one again.").wait_for()
    assert page.url.partition("?")[0] != failed
    for path in ("/jobs", "/domains"):
        await page.goto(path)
        assert await fits(page), path
    assert visitor.complaints == []


async def test_a_lost_connection_is_told_and_a_revoked_key_ends_the_visit(
    web: WebSystem, visitor: Visitor
) -> None:
    page, system = visitor.page, web.system
    away = True

    async def refuse(route: Route) -> None:
        await (route.abort() if away else route.continue_())

    await page.route("**/live", refuse)
    await page.goto("/domains")
    await sign_in(page, web.key.key)
    state = page.get_by_role("status")
    await state.filter(has_text="Connection lost").wait_for()
    away = False
    await state.filter(has_text="Live").wait_for()
    async with system.database.transaction() as session:
        await revoke_key(session, web.key.id)
    await page.get_by_role("link", name="Jobs").click()
    await page.get_by_role("heading", name="Sign in").wait_for()
    await sign_in(page, web.key.key)
    await page.get_by_role("alert").wait_for()
