"""Discoveries of sites whose links are made by scripts, through the whole system, in a browser."""

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from activities.discovery.visit import FoundPage, Visitor
from activities.http.fetch import Fetcher
from activities.rendering.browser import Browser
from activities.rendering.renderer import Renderer, RenderingLimits
from core.jobs.contract import CrawlPageResult
from core.web.page_types import PageType
from tests.activities.conftest import USER_AGENT
from tests.activities.discoveries import again, result
from tests.eventually import HANG
from tests.site import FakeSite
from tests.system import System

JAVASCRIPT = {"Content-Type": "text/javascript"}
SHELL = '<title>App</title><div id="root"></div><script src="/app.js"></script>'
PAGES = ("/", "/x1", "/x2", "/x2/deep")
SCRIPT = """
const titles = { '/x1': 'Pricing', '/x2': 'About us' };
const links = ['/', '/x1#plans', '/x2', '/x1?utm_source=nav'];
if (location.pathname == '/x2') links.push('/x2/deep');
document.title = titles[location.pathname] || 'App';
fetch('/data.json').then(answer => answer.json()).then(data => {
  for (const link of links) {
    const anchor = document.createElement('a');
    anchor.setAttribute('href', link);
    anchor.textContent = data.word;
    document.getElementById('root').append(anchor, ' ');
  }
});
"""
STUCK = "const request = new XMLHttpRequest(); request.open('GET', '/held', false); request.send();"


def be_an_application(site: FakeSite) -> None:
    """Send the same shell for each address."""
    for path in PAGES:
        site.page(path, SHELL)
    site.page("/app.js", SCRIPT, headers=JAVASCRIPT)
    site.page("/data.json", '{"word": "Read more"}', headers={"Content-Type": "application/json"})


@pytest.fixture
def app(site: FakeSite) -> FakeSite:
    """A single-page application."""
    be_an_application(site)
    return site


async def found(system: System, site: FakeSite, domain_id: UUID) -> dict[str, str]:
    """The types of the domain's pages, by their path."""
    answer = await system.api.get(f"/api/domains/{domain_id}/pages?limit=100")
    return {
        each["url"].removeprefix(site.origin): each["pageType"] for each in answer.json()["data"]
    }


@pytest.mark.usefixtures("chromium")
async def test_each_page_of_an_application_is_found_once_with_what_its_scripts_say_of_it(
    system: System, app: FakeSite
) -> None:
    async with system.worker():
        domain = await system.add_domain(app.origin)
        discovered = result(await system.finished(domain.discovery_job_id))
        pages = await found(system, app, domain.id)
    assert pages == {"/": "home", "/x1": "pricing", "/x2": "about", "/x2/deep": "other"}
    assert (discovered.pages_added, discovered.urls_seen) == (4, 4)
    assert [len(app.requests_for(path)) for path in PAGES] == [1] * 4


@pytest.mark.usefixtures("chromium")
async def test_render_never_reads_what_was_sent_and_always_renders_what_is_no_shell(
    system: System, app: FakeSite
) -> None:
    async with system.worker():
        app.page("/", f"<p>{'Words. ' * 50}</p>{SHELL}")
        domain = await system.add_domain(app.origin)
        assert result(await system.finished(domain.discovery_job_id)).pages_discovered == 1
        path = f"/api/domains/{domain.id}"
        await system.api.patch(path, json={"crawlSettings": {"render": "always"}})
        assert (await again(system, domain.id)).pages_discovered == 4
        await system.api.patch(path, json={"crawlSettings": {"render": "never"}})
        assert (await again(system, domain.id)).pages_discovered == 1


@pytest.mark.parametrize("render", ["auto", "always"])
async def test_without_a_browser_the_walk_reads_what_was_sent(
    system: System, app: FakeSite, render: str
) -> None:
    app.page("/", f"<a href=/x1>x</a>{SHELL}")
    without = system.settings.model_copy(update={"chromium": Path("/nowhere/chromium")})
    system = replace(system, settings=without)
    domain = await system.add_domain(app.origin)
    path = f"/api/domains/{domain.id}"
    await system.api.patch(path, json={"crawlSettings": {"render": render}})
    async with system.worker():
        discovered = result(await system.finished(domain.discovery_job_id))
    assert discovered.pages_discovered == 2


@pytest.mark.usefixtures("chromium")
async def test_a_page_over_which_the_browser_fails_is_read_as_it_was_sent(
    visitor: Visitor, fetcher: Fetcher, app: FakeSite
) -> None:
    app.page("/", f"<a href=/x1>x</a>{SHELL}")
    app.page("/app.js", STUCK, headers=JAVASCRIPT)
    app.hold("/held")
    browser = Browser()
    limits = RenderingLimits(settle=HANG, deadline=HANG)
    renderer = Renderer(browser, fetcher, user_agent=USER_AGENT, limits=limits)
    visiting = replace(visitor, renderer=renderer).visit(app.url("/"), lambda _: True)
    visit = asyncio.create_task(visiting)
    await app.arrived("/held")
    await browser.aclose()
    found = await visit
    assert found == FoundPage(PageType.HOME, "App", (app.url("/x1"),))
    assert len(app.requests_for("/app.js")) == 1


HASH_SCRIPT = """
const show = () => {
  const route = location.hash.replace(/^#!?/, '') || '/';
  const root = document.getElementById('root');
  document.title = route == '/' ? 'App' : 'View of ' + route;
  root.innerHTML = '<h1>The view of ' + route + '</h1><p>';
  root.lastChild.append(route == '/pricing' ? 'PRICE' : 'Welcome to our app.');
  const links = ['#/pricing', '#!/team', '#plans', '#/', '#/pricing?utm_source=nav'];
  if (route == '/pricing') links.push('#/pricing/deep');
  for (const link of links) {
    const anchor = document.createElement('a');
    anchor.setAttribute('href', link);
    anchor.textContent = 'Read more';
    root.append(anchor, ' ');
  }
};
addEventListener('hashchange', show);
show();
"""
ROUTES = {
    "/": "home",
    "/#/pricing": "pricing",
    "/#!/team": "about",
    "/#/pricing/deep": "pricing",
}


@pytest.mark.usefixtures("chromium")
async def test_an_application_that_routes_by_fragments_has_a_page_for_each_route(
    system: System, site: FakeSite
) -> None:
    shell = f"<link rel=canonical href=/>{SHELL}"
    site.page("/", shell)
    site.page("/app.js", HASH_SCRIPT.replace("PRICE", "It costs $9."), headers=JAVASCRIPT)
    async with system.worker():
        domain = await system.add_domain(site.origin)
        result(await system.finished(domain.discovery_job_id))
        assert await found(system, site, domain.id) == ROUTES
        pages = await system.pages(domain.id)
        pricing = f"/api/pages/{pages[site.url('/#/pricing')]}"
        [read] = (await system.api.get(f"{pricing}/snapshots")).json()["data"]
        text = (await system.api.get(f"/api/snapshots/{read['id']}")).json()["data"]["text"]
        assert read["url"] == site.url("/#/pricing")
        assert "The view of /pricing" in text, text

        site.page("/app.js", HASH_SCRIPT.replace("PRICE", "It costs $12."), headers=JAVASCRIPT)
        crawled = await system.finished(await system.ask(f"{pricing}/crawl"))
        assert CrawlPageResult.model_validate(crawled.return_value).changed
        [change] = (await system.api.get("/api/changes")).json()["data"]
        assert change["url"] == site.url("/#/pricing")

        # One that was not found can be added by hand, as its domain is rendered.
        path = f"/api/domains/{domain.id}/pages"
        added = await system.api.post(path, json={"url": site.url("/#/hidden?x=1")})
        assert added.json()["data"]["url"] == site.url("/#/hidden?x=1")


@pytest.mark.usefixtures("chromium")
async def test_routes_are_no_pages_of_a_site_that_is_not_rendered(
    system: System, site: FakeSite
) -> None:
    site.page("/", f"<h1>{'Words. ' * 50}</h1><a href='#/pricing'>x</a><a href='/#!/team'>y</a>")
    async with system.worker():
        domain = await system.add_domain(site.origin)
        result(await system.finished(domain.discovery_job_id))
        assert await found(system, site, domain.id) == {"/": "home"}
