"""Muting a line of a change by forms, without a browser."""

import re

import httpx2

from core.scopes import Scope
from store.keys import create_key, organisation_of
from tests.api.crawled import crawled_page
from tests.api.web.conftest import WebSystem
from tests.api.web.test_http import checked, token
from tests.site import FakeSite
from tests.system import System

BEFORE = "<p>There are 11 friends of ours &lt;b&gt; here.</p>"


async def test_a_line_is_muted_by_whoever_may_change_something(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    page = await crawled_page(system, site, BEFORE, BEFORE.replace("11", "12"))
    [change] = (await system.api.get("/api/changes")).json()["data"]
    at = f"/changes/{change['id']}"
    owner = system.api.headers["Authorization"].removeprefix("Bearer ")
    async with system.database.transaction() as session:
        name = (await organisation_of(session, owner)).name
        reader = await create_key(session, name, scope=Scope.READ)

    await plain.post("/sign-in", data={"key": reader.key})
    for path in (at, f"{at}?view=side", f"{at}/mute?block=0"):
        answer = await plain.get(path)
        checked(answer)
        assert answer.status_code == 200
        assert "/mute?block" not in answer.text
        assert f'<form method="post" action="{at}/mute"' not in answer.text
    csrf = await token(plain)
    refused = await plain.post(f"{at}/mute", data={"csrf": csrf, "block": "0"})
    assert refused.status_code == 403

    plain.cookies.clear()
    await plain.post("/sign-in", data={"key": owner})
    for path in (at, f"{at}?view=side"):
        assert f'href="{at}/mute?block=0"' in (await plain.get(path)).text
    form = await plain.get(f"{at}/mute?block=0&numbers=1&scope=domain")
    checked(form)
    assert "There are # friends of ours &lt;b&gt; here." in form.text
    assert re.search(r"1 of the last 1 change</strong> of http://127\.0\.0\.1", form.text)
    wrong = await plain.get(f"{at}/mute?block=7")
    assert (wrong.status_code, "numbered from 0" in wrong.text) == (400, True)
    fields = {"csrf": await token(plain), "block": "0", "numbers": "1", "scope": "domain"}
    forged = await plain.post(f"{at}/mute", data={**fields, "csrf": "x"})
    assert forged.status_code == 403
    muted = await plain.post(f"{at}/mute", data=fields)
    assert (muted.status_code, muted.headers["Location"]) == (303, f"{at}?notice=muted")
    domain = (await system.api.get(f"/api/domains/{page.domain_id}")).json()["data"]
    assert domain["crawlSettings"]["ignoreText"] == ["There are # friends of ours <b> here."]
