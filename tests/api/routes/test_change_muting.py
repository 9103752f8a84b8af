"""Muting a line of a change: what it would have silenced, and what is told after it."""

from typing import Any

import httpx2
import pytest

from tests.api.crawled import crawled_page
from tests.site import FakeSite
from tests.system import System


def shown(friends: int, price: int = 99, title: str = "Shop") -> str:
    return (
        f"<title>{title}</title><h1>Shop</h1><p>Pro costs ${price} a month.</p>"
        f"<p>There are {friends} friends (C# *) of ours.</p>"
    )


async def previewed(system: System, change: str, **query: str) -> Any:
    answer = await system.api.get(f"/api/changes/{change}/mute", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def test_a_muted_line_is_not_told_of_any_more(system: System, site: FakeSite) -> None:
    page = await crawled_page(system, site, shown(11), shown(12), shown(14, 129))
    of_page = f"/api/changes?pageId={page.page_id}"
    both, first = (await system.api.get(of_page)).json()["data"]
    at = f"/api/changes/{first['id']}/mute"

    exact = await previewed(system, first["id"])
    assert exact == {
        "patterns": [
            r"There are 11 friends (C\# \*) of ours.", r"There are 12 friends (C\# \*) of ours.",
        ],
        "scope": "page", "examined": 2, "silenced": 1, "changed": 0, "silencesThis": True,
    }  # fmt: skip
    numbers = await previewed(system, first["id"], numbers="true", scope="domain")
    assert numbers == {
        "patterns": [r"There are # friends (C\# \*) of ours."],
        "scope": "domain", "examined": 2, "silenced": 1, "changed": 1, "silencesThis": True,
    }  # fmt: skip
    blocks = (await system.api.get(f"/api/changes/{both['id']}")).json()["data"]["diffData"]
    price = [each["after"] for each in blocks["blocks"]].index("Pro costs $129 a month.")
    partly = await previewed(system, both["id"], block=str(price))
    assert (partly["silenced"], partly["changed"], partly["silencesThis"]) == (0, 1, False)

    settings = f"/api/pages/{page.page_id}"
    assert (await system.api.get(settings)).json()["data"]["crawlSettings"]["ignoreText"] is None
    for _ in range(2):
        muted = await system.api.post(at, json={"numbers": True})
        assert muted.status_code == 200, muted.text
        chosen = (await system.api.get(settings)).json()["data"]["crawlSettings"]
        assert chosen["ignoreText"] == numbers["patterns"]

    async with system.worker():
        for version, told in ((shown(15, 129), 2), (shown(16, 149), 3)):
            site.page("/", version)
            job = await system.finished(await system.ask(f"{settings}/crawl"))
            assert job.return_value is not None
            rows = (await system.api.get(of_page)).json()["data"]
            assert len(rows) == told
    detail = (await system.api.get(f"/api/changes/{rows[0]['id']}")).json()["data"]
    assert [each["after"] for each in detail["diffData"]["blocks"]] == ["Pro costs $149 a month."]

    await system.api.post(at, json={"scope": "domain"})
    domain = (await system.api.get(f"/api/domains/{page.domain_id}")).json()["data"]
    assert domain["crawlSettings"]["ignoreText"] == exact["patterns"]


async def test_what_cannot_be_muted_is_told_and_changes_nothing(
    system: System, site: FakeSite
) -> None:
    before = shown(11).replace("</p>", "</p><p>A1</p>", 1)
    after = before.replace("A1", "B2")
    page = await crawled_page(system, site, before, after, after.replace("11", "12"))
    friends, change = (await system.api.get("/api/changes")).json()["data"]
    at = f"/api/changes/{change['id']}/mute"
    for answer in (await system.api.get(at), await system.api.post(at)):
        status, said = error(answer)
        assert status == 400
        assert "at least 3 letters or digits" in said
    assert error(await system.api.get(f"{at}?block=9")) == (
        400, "The change has 1 blocks, numbered from 0.",
    )  # fmt: skip
    for body in ({"block": -1}, {"block": "0"}, {"scope": "site"}, {"numbers": 1}, {"x": 1}):
        assert (await system.api.post(at, json=body)).status_code == 400, body
    settings = f"/api/pages/{page.page_id}"
    full = {"ignoreText": [f"text {number:03}" for number in range(50)]}
    await system.api.patch(settings, json={"crawlSettings": full})
    too_many = await system.api.post(f"/api/changes/{friends['id']}/mute")
    assert error(too_many) == (
        409, "The settings have 50 texts to ignore: remove some first.",
    )  # fmt: skip
    stored = (await system.api.get(settings)).json()["data"]["crawlSettings"]
    assert stored["ignoreText"] == full["ignoreText"]
    site.page("/", "gone", status=410)
    async with system.worker():
        await system.finished(await system.ask(f"{settings}/crawl"))
    gone = (await system.api.get("/api/changes")).json()["data"][0]
    assert error(await system.api.get(f"/api/changes/{gone['id']}/mute")) == (
        400, "The change has 0 blocks, numbered from 0.",
    )  # fmt: skip


async def test_a_change_is_examined_however_many_there_were_since(
    system: System, site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.routes.change_muting.MAX_EXAMINED", 1)
    await crawled_page(system, site, shown(11), shown(12), shown(12, 129))
    _, first = (await system.api.get("/api/changes")).json()["data"]
    found = await previewed(system, first["id"])
    assert (found["examined"], found["silenced"], found["silencesThis"]) == (1, 1, True)
