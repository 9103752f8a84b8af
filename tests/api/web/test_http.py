"""The web page without a browser: who gets in, what forms are taken, and what every answer has."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import uuid4

import httpx2
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select, update

from api.app import PAGES as ROUTERS
from api.web.rendering import ASSETS
from api.web.session import COOKIE, local_path
from core.changes.price_list import PricePeriod
from store.changes import record_event
from store.keys import organisation_of, revoke_key
from store.tables.accounts import ApiKey, WebSession
from store.tables.prices import Price
from tests.api.crawled import crawled_page
from tests.api.served import served
from tests.api.web.conftest import WebSystem
from tests.site import FakeSite
from tests.store.rows import detected, new_domain, new_page
from tests.system import System

PAGES: Final = sorted(
    route.path
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    and "GET" in (route.methods or ())
    and "{" not in route.path
    and route.path not in ("/sign-in", "/live", "/docs")
)
"""Every page of a session without an id in its address."""

FORMS: Final = sorted(
    re.sub(r"\{\w+\}", "{}", route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and "POST" in (route.methods or ()) and route.path != "/sign-in"
)
"""Where forms of a session are sent; `{}` is an id."""


async def enter(plain: httpx2.AsyncClient, web: WebSystem, **fields: str) -> httpx2.Response:
    """The answer to the form that signs in."""
    return await plain.post("/sign-in", data={"key": web.key.key, **fields})


async def token(plain: httpx2.AsyncClient) -> str:
    """The token that the forms of the session have."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await plain.get("/domains")).text)
    assert found
    return found[1]


def checked(answer: httpx2.Response) -> None:
    """A page keeps everything foreign out."""
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert "unsafe" not in "".join(policy)
    assert {source for rule in policy for source in rule.split(" ")[1:]} == {"'none'", "'self'"}
    assert {"form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|javascript:", answer.text)
    assert set(re.findall(r'(?:src|<link[^>]* href)="(/?)', answer.text)) <= {"/"}


async def test_whoever_is_not_signed_in_is_led_to_the_form_and_back(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    first = await plain.get("/jobs?state=failed")
    assert (first.status_code, first.headers["Location"]) == (
        303,
        "/sign-in?next=%2Fjobs%3Fstate%3Dfailed",
    )
    form = await plain.get(first.headers["Location"])
    checked(form)
    assert 'name="next" value="/jobs?state=failed"' in form.text
    answer = await enter(plain, web, next="/jobs?state=failed")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs?state=failed")
    cookie = answer.headers["Set-Cookie"]
    assert re.match(rf"{COOKIE}=[\w-]{{43}}; ", cookie)
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=1209600"} <= set(cookie.split("; "))
    for path in PAGES:
        page = await plain.get(path)
        assert page.status_code == 200, path
        checked(page)
    assert (await plain.get("/sign-in")).headers["Location"] == "/"


@pytest.mark.parametrize(("proxies", "secure"), [("127.0.0.0/8", True), ("10.0.0.1", False)])
async def test_a_session_behind_a_proxy_that_is_believed_is_for_https_alone(
    web: WebSystem, proxies: str, secure: bool
) -> None:
    forwarded = {"X-Forwarded-Proto": "https"}
    async with (
        served(web.system.app, proxies) as at,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{at.port}", headers=forwarded) as proxied,
    ):
        answer = await enter(proxied, web)
    assert answer.status_code == 303, answer.text
    assert ("Secure" in answer.headers["Set-Cookie"].split("; ")) is secure


async def test_a_wrong_key_is_refused_and_never_shown(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    for key in ("", "diffy_wrong", "ü\0", web.key.key[:-1]):
        answer = await enter(plain, web, key=key)
        assert answer.status_code == 401
        assert "unknown or revoked" in answer.text
        assert "Set-Cookie" not in answer.headers
        assert not key or key not in answer.text
        checked(answer)


@pytest.mark.parametrize(
    "path",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "x",
     "/a\nb", "", "/a\rb", "/ä"],
)  # fmt: skip
async def test_nobody_is_led_to_another_site(
    plain: httpx2.AsyncClient, web: WebSystem, path: str
) -> None:
    assert local_path(path) == "/"
    assert (await enter(plain, web, next=path)).headers["Location"] == "/"


async def test_a_session_ends_by_signing_out_by_its_key_and_by_time(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    await enter(plain, web)
    kept = plain.cookies[COOKIE]
    out = await plain.post("/sign-out", data={"csrf": await token(plain)})
    assert out.headers["Location"] == "/sign-in?notice=signed-out"
    plain.cookies.set(COOKIE, kept)
    assert (await plain.get("/")).status_code == 303, "the session is over, not only its cookie"
    others = []
    for _ in range(2):
        plain.cookies.clear()
        await enter(plain, web)
        others.append(plain.cookies[COOKIE])
    await plain.post("/sign-out", data={"csrf": await token(plain), "everywhere": "1"})
    for each in others:
        plain.cookies.clear()
        plain.cookies.set(COOKIE, each)
        assert (await plain.get("/")).status_code == 303
    plain.cookies.clear()
    await enter(plain, web)
    async with web.system.database.transaction() as session:
        await session.execute(
            update(WebSession).values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
    assert (await plain.get("/")).status_code == 303
    plain.cookies.clear()
    await enter(plain, web)
    async with web.system.database.transaction() as session:
        await revoke_key(session, web.key.id)
    assert (await plain.get("/live")).status_code == 303
    assert (await plain.get("/")).status_code == 303


async def test_a_form_is_taken_from_our_own_pages_only(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    for path in FORMS:
        answer = await plain.post(path.format(uuid4()), data={"csrf": "x"})
        assert answer.headers["Location"] == "/sign-in", path
    await enter(plain, web)
    good = await token(plain)
    for path in FORMS:
        target = path.format(uuid4())
        for csrf in ("", "x", "é", good[:-1], good.upper() + "x"):
            answer = await plain.post(target, data={"csrf": csrf, "domain": "a.com"})
            assert answer.status_code == 403, (path, csrf)
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ):
            answer = await plain.post(target, data={"csrf": good}, headers=headers)
            assert answer.status_code == 403, (path, headers)
        for content_type in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
            answer = await plain.post(
                target, content=f"csrf={good}", headers={"Content-Type": content_type}
            )
            assert answer.status_code == 400, (path, content_type)
    assert (await plain.get("/")).status_code == 200, "still signed in"
    foreign = await plain.post(
        "/sign-in", data={"key": web.key.key}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403, "nobody is signed in by another site"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    long = await plain.post("/domains", content="&".join(["a=1"] * 600), headers=form)
    assert long.status_code == 400


async def test_a_link_of_another_site_loads_the_page_once_more_with_the_cookie(
    plain: httpx2.AsyncClient,
) -> None:
    answer = await plain.get("/jobs", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0">' in answer.text
    again = await plain.get("/jobs", headers={"Sec-Fetch-Site": "same-origin"})
    assert again.status_code == 303


async def test_the_session_is_no_key_of_the_rest_api(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    await enter(plain, web)
    for path in ("/api/jobs", "/api/events"):
        assert (await plain.get(path)).status_code == 401


async def test_what_another_organisation_has_is_not_there(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    versions = [f"<p>The Pro plan costs ${price} a month.</p>" for price in (99, 119)]
    page = await crawled_page(system, site, *versions)
    [change] = (await system.api.get("/api/changes")).json()["data"]
    theirs = {
        "domains": str(page.domain_id),
        "pages": str(page.page_id),
        "changes": change["id"],
        "jobs": page.job_ids[0],
        "snapshots": change["beforeSnapshotId"],
    }
    hook = {"kind": "webhook", "name": "ops", "url": site.url("/hook")}
    channel = (await system.api.post("/api/channels", json=hook)).json()["data"]["id"]
    alert = {"name": "all", "channelIds": [channel]}
    theirs |= {
        "channels": channel,
        "alerts": (await system.api.post("/api/alerts", json=alert)).json()["data"]["id"],
        "deliveries": (await system.api.post(f"/api/channels/{channel}/test")).json()["data"]["id"],
    }
    feed = await system.api.post("/api/feeds", json={"name": "theirs"})
    theirs["feeds"] = feed.json()["data"]["id"]
    async with system.database.reading() as session:
        others = select(ApiKey.id).where(ApiKey.id != web.key.id)
        theirs["keys"] = str(await session.scalar(others.limit(1)))
    await enter(plain, web)
    csrf = await token(plain)
    ones = ("domains", "changes", "jobs", "snapshots", "channels", "alerts", "pages")
    parts = (
        "domains/{}/settings", "pages/{}/settings", "pages/{}/select", "pages/{}/rendering",
        "changes/{}/mute",
    )  # fmt: skip
    for path in [*(f"{kind}/{{}}" for kind in ones), *parts]:
        kind = path.partition("/")[0]
        answers = [
            await plain.get("/" + path.format(each)) for each in (theirs[kind], uuid4(), "x")
        ]
        assert {answer.status_code for answer in answers} == {404}, kind
        assert len({answer.content for answer in answers}) == 1, kind
        checked(answers[0])
    for form in FORMS:
        if "{}" not in form:
            continue
        kind = form.split("/")[1]
        fields = {"csrf": csrf, "url": "http://127.0.0.1/"}
        answers = [
            await plain.post(form.format(each), data=fields) for each in (theirs[kind], uuid4())
        ]
        assert [answer.status_code for answer in answers] == [404, 404], form
        assert answers[0].content == answers[1].content, form
    query = "&".join(f"{name[:-1]}={theirs[name]}" for name in ("domains", "alerts", "channels"))
    listed = [await plain.get(f"{path}?{query}") for path in PAGES]
    assert all(site.origin not in answer.text for answer in listed)
    assert all(theirs["keys"] not in answer.text for answer in listed)
    assert (await system.api.get(f"/api/domains/{page.domain_id}")).status_code == 200


async def test_text_of_sites_and_people_is_never_markup(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    await enter(plain, web)
    evil = '"><script>alert(1)</script>'
    fields = {"csrf": await token(plain), "domain": evil}
    answer = await plain.post("/domains", data=fields)
    assert answer.status_code == 400
    checked(answer)
    assert "&#34;&gt;&lt;script&gt;" in answer.text
    for path in (f"/?domain={evil}&type={evil}", f"/jobs?domain={evil}&state={evil}&page=x"):
        page = await plain.get(path)
        assert page.status_code == 200
        checked(page)


async def test_errors_outside_of_the_api_are_pages_for_browsers_and_json_for_programs(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    page = await plain.get("/nowhere")
    assert page.status_code == 404
    checked(page)
    program = await plain.get("/nowhere", headers={"Accept": "*/*"})
    assert program.json()["code"] == "NOT_FOUND"
    rest = await plain.get("/api/nowhere")
    assert rest.json()["code"] == "NOT_FOUND"
    await enter(plain, web)
    wrong = await plain.post("/domains", data={"csrf": await token(plain), "domain": "a b"})
    assert wrong.status_code == 400
    assert 'aria-invalid="true"' in wrong.text


async def test_static_files_are_few_small_and_kept_by_the_browser(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    await enter(plain, web)
    html = (await plain.get("/")).text
    urls = set(re.findall(r'"(/static/[^"]+)"', html))
    of_one_page = {"docs.css", "docs.js", "select.js", "rendering.css"}
    shown = {url.partition("?")[0].removeprefix("/static/") for url in urls}
    assert shown == set(ASSETS) - of_one_page
    for url in urls:
        answer = await plain.get(url)
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.content == ASSETS[url.partition("?")[0].removeprefix("/static/")].content
        known = {"If-None-Match": answer.headers["ETag"]}
        assert (await plain.get(url, headers=known)).status_code == 304
        assert "immutable" not in (await plain.get(url + "x")).headers["Cache-Control"]
    for bad in ("/static/none.js", "/static/..%2fsession.py", "/static/", "/static/../session.py"):
        assert (await plain.get(bad)).status_code == 404


async def test_a_full_page_weighs_less_than_150_kilobytes_with_all_that_it_loads(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    now = datetime.now(UTC)
    async with web.system.database.transaction() as session:
        org_id = (await organisation_of(session, web.key.key)).id
        domain = await new_domain(session, org_id)
        paths = [f"/products/by-category/{n:03}/a-product-with-a-long-name" for n in range(60)]
        pages = [await new_page(session, domain.id, path) for path in paths]
        for n in range(500):
            page = pages[n % len(pages)]
            seen = now - timedelta(hours=n)
            price = Price(
                domain_id=domain.id,
                page_id=page.id,
                plan=f"A product with a long name in the size {n % 7}",
                amount=Decimal(f"{n + 1000}.99"),
                currency="USD",
                period=PricePeriod.MONTH,
                first_seen_at=seen,
                last_seen_at=None if n % 2 else seen,
                ended_at=None if n % 2 else seen + timedelta(hours=1),
            )
            session.add(price)
            if n < 60:
                at = detected(f"Pro costs ${n} a month.", f"Pro costs ${n + 1} a month.")
                await record_event(session, page, page.id, f"job-{n}", at, at=now)
    await enter(plain, web)
    shared = sum(len(asset.content) for asset in ASSETS.values())
    full = (await plain.get(f"/domains/{domain.id}")).text
    assert full.count('<tr role="row" id="p-') == 50
    assert "The newest 50 of 500 prices as a table" in full
    assert f"<code>/api/domains/{domain.id}/prices</code>" in full
    assert "The table below has the newest." in full
    changes = (await plain.get("/")).text
    assert changes.count('href="/changes/') == 50
    for html in (full, changes):
        assert len(html.encode()) + shared < 150_000
