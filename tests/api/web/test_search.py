"""The search of the web page's lists of changes and pages."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2

from store.changes import record_event
from store.pages import page_by_id
from tests.api.crawled import crawled_page
from tests.api.web.conftest import WebSystem
from tests.api.web.test_alerts import add_newer, added_alert
from tests.api.web.test_http import checked, enter
from tests.api.web.test_settings import signed_in_as_owner
from tests.site import FakeSite
from tests.store.rows import NEWS
from tests.system import System


async def test_changes_and_pages_are_found_by_a_text(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    versions = [f"<p>The Pro plan costs ${price} a month.</p>" for price in (99, 119)]
    crawled = await crawled_page(system, site, *versions)
    domain = f"/domains/{crawled.domain_id}"
    added = {"url": site.url("/imprint")}
    await system.api.post(f"/api{domain}/pages", json=added)
    await enter(plain, web, key=system.api.headers["Authorization"].removeprefix("Bearer "))

    async def shown(path: str, q: str) -> str:
        answer = await plain.get(httpx2.URL(path).copy_merge_params({"q": q}))
        assert answer.status_code == 200
        checked(answer)
        return answer.text

    for q in ("$119", "127.0.0.1", "", "x" * 201, "\x00"):
        assert "/changes/" in await shown("/", q), q
    nothing = await shown("/", '"><b>nowhere')
    assert 'href="/changes/' not in nothing
    assert "&#34;&gt;&lt;b&gt;nowhere" in nothing
    listed = await shown(domain, "IMPRINT")
    assert site.url("/imprint") in listed
    assert f'id="p-{crawled.page_id}"' not in listed
    assert 'value="IMPRINT"' in listed
    assert f'id="p-{crawled.page_id}"' in await shown(domain, "")
    assert "No page contains “nowhere”" in await shown(domain, "nowhere")

    await system.api.patch(f"/api/pages/{crawled.page_id}", json={"tags": ["q&a", "b"]})
    tagged = await shown(f"{domain}?tag=q%26a", "127.0 &0")
    assert f'href="{domain}?tag=q%26a">Clear</a>' in tagged, "the tag stays"
    assert f'href="{domain}?q=127.0%20%260">Show all</a>' in tagged, "the text stays"
    assert f'href="{domain}">Clear</a>' in await shown(domain, "127")
    assert f'href="{domain}">Show all</a>' in await shown(f"{domain}?tag=b", "")
    assert f'id="p-{crawled.page_id}"' in await shown(f"{domain}?tag=%00", ""), "no filter"


async def test_a_filter_shows_what_it_filters_by_however_old_that_is(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    await system.lone_page(site)
    [domain] = (await system.api.get("/api/domains")).json()["data"]
    alert = await added_alert(system)
    [channel] = (await system.api.get("/api/channels")).json()["data"]
    feed = {"name": "theirs", "domainId": domain["id"]}
    assert (await system.api.post("/api/feeds", json=feed)).status_code == 201
    await add_newer(system)
    await signed_in_as_owner(plain, system)
    for path, name, chosen, word in (
        ("/", "domain", domain["id"], domain["displayName"]),
        ("/jobs", "domain", domain["id"], domain["displayName"]),
        ("/jobs/history", "domain", domain["id"], domain["displayName"]),
        ("/deliveries", "channel", channel["id"], "ops"),
        ("/deliveries", "alert", alert, "Rivals"),
    ):
        shown = (await plain.get(path, params={name: chosen})).text
        assert f'<option value="{chosen}" selected>{word}</option>' in shown, path
        gone = str(uuid4())
        shown = (await plain.get(path, params={name: gone})).text
        assert f'<option value="{gone}" selected>unknown {name} {gone}</option>' in shown, path
    assert f"{domain['displayName']}</a>" in (await plain.get("/jobs")).text
    assert f"domain {domain['displayName']}, added" in (await plain.get("/feeds")).text


async def test_changes_are_found_by_the_days_in_which_they_were_found_and_by_any_tag(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    async with system.database.transaction() as session:
        page = await page_by_id(session, page_id)
        for day in (1, 2, 3):
            at = datetime(2026, 3, day, tzinfo=UTC)
            await record_event(session, page, page.id, f"job-{day}", NEWS, at=at)
    await signed_in_as_owner(plain, system)
    assert 'name="tag"' in (await plain.get("/")).text, "a page may have tags, its domain none"
    today = datetime.now(UTC).date()
    for query, count in (
        ("since=2026-03-02", 2), ("until=2026-03-02", 1), ("until=2026-03-04", 3),
        ("since=2026-03-02&until=2026-03-03", 1), ("since=2026-03-03&until=2026-03-02", 0),
        ("since=2026-03-02&period=day", 0), (f"since={today + timedelta(days=1)}&period=month", 0),
        ("since=&until=", 3), ("since=x&until=20260302", 3), ("since=2026-02-30", 3),
        ("since=9999-12-31", 0), ("until=0001-01-01", 0),
    ):  # fmt: skip
        shown = await plain.get(f"/?{query}")
        assert shown.text.count('href="/changes/') == count, query
        checked(shown)
    assert 'type="date" value="2026-03-02"' in (await plain.get("/?since=2026-03-02")).text
