"""The web page in a real browser: from the first run to a change, and what may go wrong."""

import re
from collections.abc import AsyncIterator
from itertools import combinations
from typing import Any, Final, Literal

import pytest
from fastapi.sse import ServerSentEvent
from playwright.async_api import Locator, Page, Route

from api.routes.events import organisation_events
from core.scopes import Scope
from store.keys import create_key, organisation_of, revoke_key
from tests.api.crawled import crawled_page
from tests.api.web.conftest import PHONE, Visitor, WebSystem
from tests.api.web.test_http import PAGES
from tests.eventually import eventually
from tests.needs import AXE, need
from tests.site import FakeSite
from tests.system import System

pytestmark = pytest.mark.dear

OPEN: Final = 1
CLOSED: Final = 2
"""States of an `EventSource`."""

SHOP: Final = "<title>Shop</title><h1>Shop</h1><a href='/pricing'>Prices</a>"
OF_THE_DARK_THEME: Final = """[...document.styleSheets].flatMap(({cssRules}) => [...cssRules])
    .filter((rule) => rule.conditionText?.includes("color-scheme"))
    .flatMap(({cssRules}) => [...cssRules])
    .flatMap(({style}) => [...style].map((name) => `${name}:${style.getPropertyValue(name)}`))"""
"""What the dark theme sets otherwise."""

COLOUR: Final = r"--[a-z-]+: *(#[0-9a-f]{6}|none)"

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


async def overlaps(controls: Locator) -> bool:
    """Whether one of the controls lies upon another."""
    boxes = [box for each in await controls.all() if (box := await each.bounding_box())]
    assert len(boxes) > 1
    return any(
        a["x"] < b["x"] + b["width"]
        and b["x"] < a["x"] + a["width"]
        and a["y"] < b["y"] + b["height"]
        and b["y"] < a["y"] + a["height"]
        for a, b in combinations(boxes, 2)
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
    change = page.url.partition("?")[0]
    await mutes_a_line(page)
    await chooses_what_is_compared(page)
    await is_told_of_changes(page)
    await page.goto("/")
    for width in (1200, 900, 700):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await fits(page), width
        assert not await overlaps(page.locator(".filters .field :is(input, select)")), width
    await reads_a_change_on_a_phone(page, change)
    assert [each for each in visitor.complaints if "401" not in each and "400" not in each] == []


async def mutes_a_line(page: Page) -> None:
    """From a line of a change, by keyboard alone, to what would have been silenced, and back."""
    await page.get_by_role("link", name=re.compile("Mute “Pro costs")).press("Enter")
    await page.get_by_text("Pro costs $129 a month.", exact=True).wait_for()
    await page.get_by_label("Numbers in it").focus()
    await page.keyboard.press("ArrowDown")
    await page.get_by_role("button", name="Show what it would have silenced").press("Enter")
    await page.get_by_text("Pro costs $# a month.", exact=True).wait_for()
    await page.get_by_text("1 of the last 1 change").wait_for()
    await page.get_by_role("button", name="Mute", exact=True).press("Enter")
    await page.get_by_text("Muted: such lines are not told of any more.").wait_for()


async def chooses_what_is_compared(page: Page) -> None:
    """From a change to its page, a click in the snapshot, and the settings that keep it."""
    await page.get_by_role("link", name=re.compile("pricing")).first.click()
    await page.get_by_role("img", name=re.compile("Prices over time")).wait_for()
    page_of_prices = await page.get_by_role("heading", level=1).inner_text()
    await page.get_by_role("link", name="Choose what is compared").click()
    await page.locator("#rendering[data-ready]").wait_for()
    inside = page.frame_locator("#rendering")
    await inside.get_by_text("Pro costs $129 a month.").click()
    await page.get_by_role("heading", name="1 element matches").wait_for()
    assert await page.get_by_label("CSS selector").input_value() == "p"
    await page.locator("#rendering[data-ready]").wait_for()
    assert await inside.locator("[data-match]").all_inner_texts() == ["Pro costs $129 a month."]
    await page.get_by_role("link", name="Compare only this").click()
    assert await page.get_by_label("Only what matches this selector").input_value() == "p"
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The settings were saved.").wait_for()
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Domains").click()
    await page.get_by_role("link", name=re.compile("127.0.0.1")).first.click()
    await page.get_by_role("link", name="Settings").click()
    cron = page.get_by_label("Cron expression")
    assert not await cron.is_visible(), "only what the chosen kind of schedule has"
    await page.get_by_label("Checked", exact=True).select_option("cron")
    assert await cron.is_visible()
    assert not await page.get_by_label("Hours", exact=True).is_visible()
    await page.get_by_role("link", name="Try a selector").click()
    offered = page.get_by_label("Tried on this page")
    shown = await offered.input_value()
    await offered.select_option(label=page_of_prices)
    await page.get_by_label("CSS selector").fill("h1")
    await page.get_by_role("button", name="Show what it matches").click()
    await page.get_by_text("It matches on 2 of 2 pages.").wait_for()
    assert shown, "one is picked at first"
    await page.locator("#rendering[data-ready]").wait_for()
    await inside.get_by_text("Teams").click()
    await page.get_by_text("It matches on 1 of 2 pages.").wait_for()
    assert await page.get_by_label("CSS selector").input_value() == "h2"
    await page.locator("#rendering[data-ready]").wait_for()
    assert await page.evaluate("scrollY") == 0, "only what is in the frame is moved"
    await page.get_by_role("link", name="Ignore this").click()
    ignored = page.get_by_label("Nothing that matches these selectors")
    assert await ignored.input_value() == "h2"
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The settings were saved.").wait_for()


async def is_told_of_changes(page: Page) -> None:
    """A channel whose secret is shown once, and an alert that is previewed before it is added."""
    await page.goto("/alerts")
    await page.get_by_role("link", name="Add a channel first").click()
    await page.get_by_label("Name").fill("Sales")
    await page.get_by_label("URL").fill("http://127.0.0.1:9/hook")
    await page.get_by_role("button", name="Add channel").click()
    assert (await page.get_by_role("textbox", name="Secret").input_value()).startswith("whsec_")
    await page.goto("/alerts/new")
    await page.get_by_label("Name of the alert").fill("Prices")
    await page.get_by_label("Sales").check()
    await page.get_by_label("A price").select_option("up")
    await page.get_by_role("button", name="Preview of the last").click()
    await page.get_by_text(re.compile("1 of 1 change since .* in 1 message to each")).wait_for()
    assert await page.get_by_label("Sales").is_checked(), "the form is as it was"
    await page.get_by_role("button", name="Add alert").click()
    await page.get_by_text("The alert was added.").wait_for()
    await page.get_by_role("link", name="Alerts").first.click()
    await page.get_by_text("a price rises").wait_for()
    await page.get_by_role("link", name="Prices", exact=True).click()
    await page.get_by_label("A price").select_option("down")
    await page.get_by_label("By at least, %").fill("5")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The alert was saved.").wait_for()
    assert await page.get_by_label("Sales").is_checked()
    await page.get_by_role("link", name="Alerts").first.click()
    await page.get_by_text("a price falls by 5 % or more").wait_for()


async def reads_a_change_on_a_phone(page: Page, change: str) -> None:
    """From a change to its page, a snapshot and the settings: nothing is wider than a phone."""
    await page.set_viewport_size(PHONE)
    await page.goto(f"{change}?view=side")
    assert await fits(page), "a change side by side"
    await page.goto(change)
    assert await fits(page), "a change"
    await page.get_by_role("link", name=re.compile("pricing")).first.click()
    await page.get_by_role("img", name=re.compile("Prices over time")).wait_for()
    assert await fits(page), "a page"
    at = page.url
    await page.locator("[id^=s-] a").first.click()
    await page.get_by_text("Pro costs $129 a month.").wait_for()
    assert await fits(page), "a snapshot"
    for part in ("settings", "select?selector=p"):
        await page.goto(f"{at}/{part}")
        assert await fits(page), part
    await page.goto(at)
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Domains").click()
    await page.get_by_role("link", name=re.compile("127.0.0.1")).first.click()
    await page.get_by_role("heading", name="Prices").wait_for()
    assert await fits(page), "a domain"
    await page.goto(f"{page.url}/settings")
    assert await fits(page), "settings of a domain"
    await page.goto(f"{page.url.removesuffix('settings')}select?selector=p")
    assert await fits(page), "a selector on the pages of a domain"


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
    for path in (*PAGES, "/alerts/new", "/channels/new"):
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


async def test_a_tab_has_one_stream_however_one_moves_in_it(
    web: WebSystem, visitor: Visitor, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visitor.page
    streams = 0

    async def counted(*given: Any) -> AsyncIterator[ServerSentEvent]:
        nonlocal streams
        streams += 1
        try:
            async for event in organisation_events(*given):
                yield event
        finally:
            streams -= 1

    async def open_now() -> int:
        return streams

    monkeypatch.setattr("api.web.routes.live.organisation_events", counted)
    state = page.get_by_role("status")
    await page.goto("/domains")
    await sign_in(page, web.key.key)
    await page.get_by_label("Site to watch").fill(site.origin)
    await page.get_by_role("button", name="Add and discover").click()
    await page.get_by_role("heading", name="At work").wait_for()
    for name in ("Jobs", "Changes", "Domains", "Jobs"):
        await page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
        await page.get_by_role("heading", name=name, level=1).wait_for()
        await state.filter(has_text="Live").wait_for()
        await eventually(open_now, lambda count: count == 1)
    for move in (page.go_back, page.go_back, page.go_forward, page.reload):
        await move()
        await state.filter(has_text="Live").wait_for()
        await eventually(open_now, lambda count: count == 1)


async def test_a_stream_that_was_refused_is_opened_once_again_also_if_the_tab_is_shown_meanwhile(
    web: WebSystem, visitor: Visitor
) -> None:
    page = visitor.page
    # What the page opens, as no request tells: the browser itself opens a lost stream again.
    await page.add_init_script(
        "window.streams = []; window.EventSource = class extends EventSource {"
        " constructor(address) { super(address); streams.push(this); } }"
    )
    refused: list[Route] = []

    async def refuse_first(route: Route) -> None:
        refused.append(route)
        await (route.fulfill(status=503) if len(refused) == 1 else route.continue_())

    async def states() -> list[int]:
        found: list[int] = await page.evaluate("streams.map((each) => each.readyState)")
        return found

    await page.goto("/jobs")
    await page.route("**/live", refuse_first)
    await sign_in(page, web.key.key)
    await page.get_by_role("status").filter(has_text="Connection lost").wait_for()
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await page.get_by_role("status").filter(has_text="Live").wait_for()
    opened = await eventually(states, lambda seen: len(seen) == 3 and seen[-1] == OPEN)
    assert opened.count(CLOSED) == 2, "the one that was opened meanwhile is given up"


async def test_axe_finds_nothing_on_any_page_in_either_theme(
    web: WebSystem, visitor: Visitor, system: System, site: FakeSite
) -> None:
    need("axe-core")
    axe = AXE.read_text()
    versions = [PRICES.format(price) for price in (99, 129)]
    crawled = await crawled_page(system, site, *versions)
    change = (await system.api.get("/api/changes")).json()["data"][0]
    hook = {"kind": "webhook", "name": "Sales", "url": site.url("/hook")}
    channel = (await system.api.post("/api/channels", json=hook)).json()["data"]["id"]
    alert = {"name": "All", "channelIds": [channel]}
    alert_id = (await system.api.post("/api/alerts", json=alert)).json()["data"]["id"]
    await system.api.post(f"/api/channels/{channel}/test")
    at, domain = f"/pages/{crawled.page_id}", f"/domains/{crawled.domain_id}"
    paths = (
        *PAGES, domain, f"{domain}/settings", f"{domain}/select?selector=p",
        at, f"{at}/settings", f"{at}/select?selector=p",
        f"/changes/{change['id']}", f"/changes/{change['id']}?view=side",
        f"/changes/{change['id']}/mute?numbers=1",
        f"/snapshots/{change['afterSnapshotId']}", f"/jobs/{crawled.job_ids[0]}",
        "/alerts/new", f"/alerts/{alert_id}", "/channels/new", f"/channels/{channel}",
        "/nowhere",
    )  # fmt: skip
    page = visitor.page
    found: list[str] = []
    themes: tuple[tuple[Literal["light", "dark"], dict[str, object]], ...] = (
        ("light", {}),
        ("dark", {"runOnly": ["color-contrast", "link-in-text-block"]}),
    )

    async def show_few(route: Route) -> None:
        answer = await route.fetch()
        document = await answer.json()
        shown = {each: item for each, item in document["paths"].items() if "alerts" in each}
        assert shown
        await route.fulfill(response=answer, json={**document, "paths": shown})

    async def examine(what: str, *, by_script: bool = False) -> None:
        # Into an isolated world, as tools of a browser do: the page's own policy stays.
        await page.evaluate(f"{axe}; undefined")
        # What is not about colours is then the same in both themes, unless a script makes them.
        different = await page.evaluate(OF_THE_DARK_THEME)
        assert [each for each in different if not re.fullmatch(COLOUR, each)] == [], what
        for scheme, otherwise in themes:
            options = {} if by_script else otherwise
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            # Scripts of the page hear of it before the next frame.
            await page.evaluate("new Promise(requestAnimationFrame)")
            violations = await page.evaluate(
                "(options) => axe.run(document, options)"
                ".then(({violations}) => violations.map(v => [v.id, v.nodes[0].html]))",
                {"resultTypes": ["violations"], "iframes": False, **options},
            )
            found.extend(f"{what} {scheme} {rule}: {html}" for rule, html in violations)

    await page.goto("/")
    await examine("signing in")
    await sign_in(page, "diffy_wrong")
    await page.get_by_role("alert").wait_for()
    await examine("a refused key")
    await sign_in(page, web.key.key)
    await page.get_by_role("heading", name="Watch your first site").wait_for()
    await examine("the first run")
    await visitor.context.clear_cookies()
    await page.goto("/")
    await sign_in(page, system.api.headers["Authorization"].removeprefix("Bearer "))
    await page.get_by_role("heading", name="Changes").wait_for()
    for path in paths:
        await page.goto(path)
        await examine(path)
    await page.goto(f"/alerts/{alert_id}")
    await page.get_by_role("button", name="Preview of the last").click()
    await page.get_by_role("list", name="Changes that would have been told").wait_for()
    await examine("a preview")
    # All operations are shown alike, and Swagger UI takes 20 s of the processor for all of them.
    await page.route("**/openapi.json", show_few)
    await page.goto("/docs")
    await page.locator("#operations-alerts-alerts_preview").get_by_role("button").first.click()
    await page.get_by_text("Nothing is sent.").wait_for()
    await examine("/docs", by_script=True)
    assert found == []
    await page.evaluate("document.querySelector('main').innerHTML = '<input>'")
    broken = await page.evaluate("axe.run(document).then(({violations}) => violations.length)")
    assert broken, "axe finds what is there"
    await page.evaluate("document.querySelector('main').innerHTML = '<p>Hardly seen.</p>'")
    await page.evaluate(
        "Object.assign(document.querySelector('main p').style, {color: '#444', background: '#222'})"
    )
    dark = await page.evaluate(
        "(options) => axe.run(document, options).then(({violations}) => violations.length)",
        themes[1][1],
    )
    assert dark, "and what colours hide in the dark theme"


async def test_a_key_that_may_only_read_sees_no_button_that_would_be_refused(
    web: WebSystem, visitor: Visitor, site: FakeSite
) -> None:
    await web.system.api.post("/api/domains", json={"domain": site.origin})
    async with web.system.database.transaction() as session:
        org = web.system.api.headers["Authorization"].removeprefix("Bearer ")
        name = (await organisation_of(session, org)).name
        reader = await create_key(session, name, scope=Scope.READ)
    [domain] = (await web.system.api.get("/api/domains")).json()["data"]
    owned = f"/domains/{domain['id']}"
    page = visitor.page
    await page.goto("/")
    await sign_in(page, reader.key)
    await page.get_by_role("link", name="Changes").wait_for()
    for path in (*PAGES, owned, f"{owned}/settings", "/alerts/new"):
        await page.goto(path)
        buttons = page.locator('form[method="post"] button:visible')
        assert await buttons.all_inner_texts() == [], path
    await page.goto(f"{owned}/settings")
    assert await page.get_by_label("Name", exact=True).is_visible(), "settings can be read"
    await page.locator("details.account summary").click()
    assert await page.get_by_role("button", name="Sign out", exact=True).is_visible()
    assert visitor.complaints == []
