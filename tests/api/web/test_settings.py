"""Settings, the choice of a selector, and actions on many jobs, without a browser."""

import re

import httpx2
import pytest

from api.web.rendering import RENDERING_HEADERS
from api.web.routes import jobs, selecting
from core.jobs.states import JobState
from tests.api.crawled import crawled_page
from tests.api.web.conftest import WebSystem
from tests.api.web.test_http import checked, token
from tests.eventually import eventually
from tests.site import FakeSite
from tests.system import System

SHOP = """<title>Shop</title><main><section id="plans"><p>The Pro plan costs ${} a month.</p>
</section><p>Read by 1 person</p><script>alert(1)</script><img src="http://evil.example/x"></main>"""


async def signed_in_as_owner(plain: httpx2.AsyncClient, system: System) -> str:
    """A session of the organisation of `system.api`; the token of its forms."""
    key = system.api.headers["Authorization"].removeprefix("Bearer ")
    assert (await plain.post("/sign-in", data={"key": key})).status_code == 303
    return await token(plain)


async def test_settings_of_a_domain_and_a_page_are_changed_by_forms(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    csrf = await signed_in_as_owner(plain, system)
    domain = (await system.api.get("/api/domains")).json()["data"][0]["id"]
    path = f"/domains/{domain}/settings"
    form: dict[str, object] = {
        "csrf": csrf, "name": "Shop", "tags": "Rivals, plans", "when": "cron",
        "cron": "30 9 * * mon-fri", "zone": "Europe/Berlin", "discover_hours": "168",
        "include": "/a/*\n/b/*", "exclude": "*?sort=*", "watch_type": ["pricing", "home"],
        "max_pages": "50", "watch_selector": "main", "watch_json_path": "$..a",
        "ignore_selectors": ".ad\n.date", "ignore_text": "# visitors\nAs of *",
        "render": "never", "confirm": "60", "conditional": "no", "links": "yes", "order": "",
        "frames": "none", "document_kind": "json",
        "masks": "chosen", "mask_off": ["dates"], "user_agent": "Me", "headers": "X-Key: a:b",
        "cookies": "s=1=2",
    }  # fmt: skip
    checked(await plain.get(path))
    assert (await plain.post(path, data=form)).status_code == 303
    stored = (await system.api.get(f"/api/domains/{domain}")).json()["data"]
    assert (stored["displayName"], stored["tags"]) == ("Shop", ["rivals", "plans"])
    assert stored["schedule"]["cron"] == "30 9 * * mon-fri"
    assert stored["schedule"]["timeZone"] == "Europe/Berlin"
    assert stored["discoverFrequencyHours"] == 168
    assert stored["watch"] == {
        "include": ["/a/*", "/b/*"], "exclude": ["*?sort=*"],
        "pageTypes": ["pricing", "home"], "maxPages": 50,
    }  # fmt: skip
    assert stored["crawlSettings"] == {
        "headers": ["X-Key"], "cookies": ["s"], "userAgent": "Me", "watchSelector": "main",
        "watchJsonPath": "$..a",
        "ignoreSelectors": [".ad", ".date"], "render": "never", "confirmAfterSeconds": 60,
        "conditionalRequests": False, "masksOff": ["dates"], "compareLinks": True,
        "ignoreOrder": None, "frames": "none", "ignoreText": ["# visitors", "As of *"],
        "documentKind": "json",
    }  # fmt: skip
    shown = (await plain.get(path)).text
    for said in (
        'value="30 9 * * mon-fri"', ">\n/a/*\n/b/*</textarea>", "Set now: X-Key", "rivals, plans"
    ):  # fmt: skip
        assert said in shown
    assert "a:b" not in shown, "a secret is never shown again"
    kept = {**form, "headers": "", "cookies": ""}
    assert (await plain.post(path, data=kept)).status_code == 303
    again = (await system.api.get(f"/api/domains/{domain}")).json()["data"]["crawlSettings"]
    assert (again["headers"], again["cookies"]) == (["X-Key"], ["s"])
    for name, value in (
        ("cron", "61 * * * *"), ("zone", "Mars/X"), ("tags", "x" * 99), ("max_pages", "many"),
        ("watch_selector", "p:has(a)"), ("watch_json_path", "a"),
        ("ignore_selectors", "p[["), ("ignore_text", "*"), ("confirm", "-1"),
        ("headers", "secret without a colon"), ("render", "x"), ("frames", "x"),
        ("document_kind", "x"),
        ("discover_hours", "x"),
    ):  # fmt: skip
        refused = await plain.post(path, data={**form, name: value})
        assert refused.status_code == 400, name
        assert 'aria-invalid="true"' in refused.text, name
        checked(refused)
    by_hours = {"csrf": csrf, "name": "Lost", "hours": "6", "when": ""}
    for name, value in (("active_from", "09:00"), ("active_to", "17:00"), ("day", "mon")):
        refused = await plain.post(path, data={**by_hours, name: value})
        assert refused.status_code == 400, name
        marked = re.findall('<(?:input|fieldset)[^>]*aria-invalid="true"', refused.text)
        assert len(marked) == 1
        assert f'i-{name}-error"' in marked[0]
    plainest = {"csrf": csrf, "name": "Shop", "hours": "6", "forget_headers": "1"}
    assert (await plain.post(path, data=plainest)).status_code == 303
    stored = (await system.api.get(f"/api/domains/{domain}")).json()["data"]
    assert (stored["schedule"], stored["checkFrequencyHours"]) == (None, 6)
    assert stored["crawlSettings"]["headers"] is None
    assert stored["crawlSettings"]["cookies"] == ["s"]
    assert stored["crawlSettings"]["watchSelector"] is None
    assert stored["watch"]["include"] == []
    path = f"/pages/{page_id}/settings"
    brought = (await plain.get(f"{path}?selector=%23plans&ignore=.ad")).text
    assert 'value="#plans"' in brought
    assert ">\n.ad</textarea>" in brought
    minutes = {"csrf": csrf, "page_type": "pricing", "when": "minutes", "minutes": "30",
               "day": ["mon", "tue"], "active_from": "09:00", "active_to": "17:00"}  # fmt: skip
    assert (await plain.post(path, data={**minutes, "when": ""})).status_code == 400
    assert (await plain.post(path, data={**minutes, "minutes": "2"})).status_code == 400
    assert (await plain.post(path, data={**minutes, "minutes": ""})).status_code == 400
    assert (await plain.post(path, data=minutes)).status_code == 303
    stored = (await system.api.get(f"/api/pages/{page_id}")).json()["data"]
    assert stored["pageType"] == "pricing"
    assert stored["schedule"]["everyMinutes"] == 30
    assert stored["schedule"]["days"] == ["mon", "tue"]
    assert 'name="minutes" type="text" value="30"' in (await plain.get(path)).text


async def test_a_crawled_page_is_shown_chosen_from_and_filtered_by_its_tags(
    plain: httpx2.AsyncClient,
    web: WebSystem,
    system: System,
    site: FakeSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = await crawled_page(system, site, SHOP.format(99), SHOP.format(119))
    csrf = await signed_in_as_owner(plain, system)
    at = f"/pages/{page.page_id}"
    shown = await plain.get(at)
    checked(shown)
    assert "changed from $99 to $119" in shown.text
    assert '<path d="M' in shown.text, "its prices are drawn"
    assert "<title>99 → 119" in shown.text
    assert '<path d="M' in (await plain.get(f"/domains/{page.domain_id}")).text
    matched = await plain.get(f"{at}/select?selector=%23plans+p")
    checked(matched)
    assert "1 element matches" in matched.text
    assert "The Pro plan costs $119 a month." in matched.text
    assert 'selector=%23plans"' in matched.text, "wider ones are offered"
    clicked = await plain.get(f"{at}/select?element=1")
    assert 'value="#plans"' in clicked.text
    for bad in ("p:has(a)", "p[[", "::before", "x" * 501):
        refused = await plain.get(f"{at}/select", params={"selector": bad})
        assert refused.status_code == 400
        assert 'aria-invalid="true"' in refused.text
    for number in ("-1", "99999", "x"):
        assert (await plain.get(f"{at}/select?element={number}")).status_code == 200
    frame = await plain.get(f"{at}/rendering?selector=%23plans")
    policy = frame.headers["Content-Security-Policy"]
    assert policy == RENDERING_HEADERS["Content-Security-Policy"]
    assert "sandbox allow-same-origin" in policy
    assert "script" not in policy.replace("default-src 'none'", "")
    assert "evil" not in frame.text
    assert "<script" not in frame.text
    assert "data-match" in frame.text
    await system.api.patch(f"/api{at}", json={"tags": ["plans"]})
    await system.api.patch(f"/api/domains/{page.domain_id}", json={"tags": ["rivals"]})
    for tag, count in (("plans", 1), ("RIVALS", 1), ("plan", 0), ("%", 0)):
        answer = await system.api.get("/api/changes", params={"tag": tag})
        assert answer.json()["meta"]["total"] == count, tag
        assert ("to $119" in (await plain.get("/", params={"tag": tag})).text) == bool(count), tag
    assert "to $119" in (await plain.get("/?event=change")).text
    assert "to $119" not in (await plain.get("/?event=page_added")).text
    assert "rivals" in (await plain.get("/domains?tag=rivals")).text
    [change] = (await system.api.get("/api/changes")).json()["data"]
    await plain.post(f"/changes/{change['id']}/pause", data={"csrf": csrf})
    assert not (await system.api.get(f"/api{at}")).json()["data"]["monitoringEnabled"]
    history = await plain.get("/jobs/history")
    checked(history)
    assert "Finished in the last day" in history.text
    assert 'class="good"' in history.text
    assert "at least" not in history.text
    monkeypatch.setattr(jobs, "MAX_CHARTED", 1)
    monkeypatch.setattr(jobs, "ROWS_AT_ONCE", 1)
    newest = (await plain.get("/jobs/history")).text
    assert "The last 1 finished job<" in newest, "the discovery failed before the time it covers"
    assert re.findall("<dd>(at least .)</dd>", newest) == ["at least 1", "at least 0"]


async def test_a_selector_is_tried_on_the_stored_pages_of_a_domain(
    plain: httpx2.AsyncClient,
    web: WebSystem,
    system: System,
    site: FakeSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = await crawled_page(system, site, SHOP.format(99))
    csrf = await signed_in_as_owner(plain, system)
    domain = f"/domains/{page.domain_id}"
    site.page("/about", "<title>About</title><p class=ad>We sell <b>lamps</b>.</p>")
    added = await system.api.post(f"/api{domain}/pages", json={"url": site.url("/about")})
    about = added.json()["data"]["id"]
    front = await plain.get(f"{domain}/select")
    checked(front)
    assert site.url("/about") not in front.text, "it has no snapshot yet"
    alone = await plain.get(f"{domain}/select?page={about}&selector=p")
    assert "No snapshot of this page" in alone.text
    assert "1 of 1</strong> page, those that were checked last, of 2." in alone.text
    async with system.worker():
        await system.finished(await system.ask(f"/api/pages/{about}/crawl"))
    newest = (await plain.get(f"{domain}/select")).text
    assert f'<option value="{about}" selected>' in newest, "the page that was checked last"
    assert f'<option value="{page.page_id}">' in newest
    shown = await plain.get(f"{domain}/select?page={page.page_id}&selector=%23plans")
    checked(shown)
    assert "1 element matches" in shown.text
    assert "1 of 2</strong> pages." in shown.text
    assert f"select?page={about}&amp;selector=%23plans" in shown.text, "it is missing there"
    assert f"/pages/{page.page_id}/rendering?selector=%23plans" in shown.text
    assert f"{domain}/settings?selector=%23plans" in shown.text
    elsewhere = (await plain.get(f"{domain}/select?page={about}&selector=%23plans")).text
    assert "No elements match" in elsewhere
    assert f"{domain}/settings?selector=%23plans" in elsewhere, "it matches on another page"
    nowhere = (await plain.get(f"{domain}/select?selector=.nothing")).text
    assert "0 of 2</strong> pages" in nowhere
    assert "Compare only this" not in nowhere
    clicked = await plain.get(f"{domain}/select?page={about}&element=1")
    assert 'value="b"' in clicked.text
    found = (await plain.get(f"{domain}/select?q=About")).text
    assert site.url("/about") in found
    assert f'<option value="{page.page_id}"' not in found
    assert "contains “nothing of it”" in (await plain.get(f"{domain}/select?q=nothing of it")).text
    monkeypatch.setattr(selecting, "SAMPLED_PAGES", 1)
    monkeypatch.setattr(selecting, "OFFERED_PAGES", 1)
    few = (await plain.get(f"{domain}/select?selector=b")).text
    assert "1 of 1</strong> page, those that were checked last, of 2." in few
    assert "The 1 pages that were checked last." in few
    monkeypatch.setattr(selecting, "MAX_SAMPLED_HTML", 1)
    assert "<strong>" not in (await plain.get(f"{domain}/select?selector=b")).text
    refused = await plain.get(f"{domain}/select?selector=p[[")
    assert refused.status_code == 400
    assert 'aria-invalid="true"' in refused.text
    other = (await system.api.post("/api/domains", json={"domain": "other.example"})).json()["data"]
    for bad in ("x", other["id"], page.domain_id):
        assert (await plain.get(f"{domain}/select?page={bad}")).status_code == 404, bad
    at = f"/domains/{other['id']}/select"
    assert (await plain.get(f"{at}?page={about}")).status_code == 404, "a page of another domain"
    assert "No snapshot to choose from" in (await plain.get(at)).text
    settings = f"{domain}/settings"
    entered = (await plain.get(f"{settings}?selector=%23plans")).text
    assert 'value="#plans"' in entered
    assert "It counts once you save." in entered
    form = {"csrf": csrf, "name": "Shop", "hours": "6", "ignore_selectors": ".ad"}
    assert (await plain.post(settings, data=form)).status_code == 303
    both = (await plain.get(f"{settings}?ignore=b")).text
    assert ">\n.ad\nb</textarea>" in both
    assert ">\n.ad</textarea>" in (await plain.get(f"{settings}?ignore=.ad")).text


async def test_delayed_jobs_are_promoted_by_the_filter_of_the_list(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    page_id = await system.lone_page(site)
    csrf = await signed_in_as_owner(plain, system)
    assert "Run all delayed now" not in (await plain.get("/jobs")).text
    job_id = await system.ask(f"/api/pages/{page_id}/crawl", delaySeconds=3600)
    await eventually(system.stats, lambda stats: stats.delayed == 1)
    for query, offered in (("", True), ("?state=delayed", True), ("?state=failed", False)):
        assert ("Run all delayed now" in (await plain.get(f"/jobs{query}")).text) is offered, query
    for name, value in (("type", "x"), ("domain", "x"), ("state", "waiting")):
        bad = await plain.post("/jobs/promote", data={"csrf": csrf, name: value})
        assert bad.status_code == 400, name
    await plain.post("/jobs/promote", data={"csrf": csrf, "type": "discover"})
    assert (await system.job(job_id)).state is JobState.DELAYED, "the crawl is no discovery"
    done = await plain.post("/jobs/promote", data={"csrf": csrf, "type": "crawl"})
    assert done.headers["Location"] == "/jobs?type=crawl&notice=jobs-promoted"
    assert (await system.job(job_id)).state is JobState.WAITING
    assert "may run now" in (await plain.get(done.headers["Location"])).text


async def test_jobs_are_cancelled_and_run_again_by_the_filter_of_the_list(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    await system.lone_page(site)
    csrf = await signed_in_as_owner(plain, system)
    domain = (await system.api.get("/api/domains")).json()["data"][0]["id"]
    for name, value in (("type", "x"), ("domain", "x"), ("state", "x")):
        bad = await plain.post("/jobs/cancel", data={"csrf": csrf, name: value})
        assert bad.status_code == 400, "a filter that cannot be used does not let all pass"
    retried = await plain.post("/jobs/retry", data={"csrf": csrf, "domain": domain})
    assert retried.headers["Location"] == f"/jobs?domain={domain}&notice=jobs-retried"
    assert (await system.stats()).total == 1
    finished = await plain.post("/jobs/cancel", data={"csrf": csrf, "state": "failed"})
    assert finished.status_code == 400
    assert (await system.stats()).total == 1, "what has finished is not all that has not"
    other = await plain.post("/jobs/cancel", data={"csrf": csrf, "type": "crawl"})
    assert other.status_code == 303
    assert (await system.stats()).total == 1, "the discovery is no crawl"
    assert "Cancel all unfinished" in (await plain.get("/jobs")).text
    done = await plain.post("/jobs/cancel", data={"csrf": csrf, "type": "discover"})
    assert done.headers["Location"] == "/jobs?type=discover&notice=jobs-cancelled"
    assert (await system.stats()).total == 0
    assert (
        await plain.post("/jobs/retry", data={"csrf": csrf, "type": "crawl"})
    ).status_code == 409
