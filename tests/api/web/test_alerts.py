"""Alerts, channels, deliveries and keys on the web page, without a browser."""

import re
from datetime import UTC, datetime

import httpx2

from store.keys import create_key, organisation_of
from store.tables.alerts import Channel, ChannelKind
from tests.api.web.conftest import WebSystem
from tests.api.web.test_http import checked, enter, token
from tests.api.web.test_settings import signed_in_as_owner
from tests.site import FakeSite
from tests.store.rows import new_domain
from tests.system import System

ALERT = re.compile(r"/alerts/([0-9a-f-]{36})")


def field(html: str, name: str) -> str:
    """The value of an input."""
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', html)
    assert found, name
    return found[1]


async def test_a_channel_shows_its_secret_once_and_a_repeated_form_adds_nothing(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    await enter(plain, web)
    csrf = await token(plain)
    form = (await plain.get("/channels/new")).text
    sent = {"csrf": csrf, "kind": "webhook", "once": field(form, "once"), "name": "Sales"}
    for url in ("", "nowhere", "ftp://a.com/"):
        refused = await plain.post("/channels", data={**sent, "url": url})
        assert refused.status_code == 400, url
        assert 'aria-invalid="true"' in refused.text
        assert 'value="Sales"' in refused.text, "what was typed is kept"
        checked(refused)
    assert (await plain.post("/channels", data={**sent, "once": "x"})).status_code == 400
    assert (await plain.post("/channels", data={**sent, "kind": "x"})).status_code == 400
    mail = {"csrf": csrf, "kind": "email", "once": "0" * 32, "name": "Mail", "to": "a@b.com"}
    assert (await plain.post("/channels", data=mail)).status_code == 409, "there is no mail server"
    added = await plain.post("/channels", data={**sent, "url": "http://127.0.0.1:9/hook/t0ken"})
    assert added.status_code == 200
    checked(added)
    [secret] = re.findall(r"whsec_[^\"]+", added.text)
    assert "t0ken" not in added.text
    again = await plain.post("/channels", data={**sent, "url": "http://127.0.0.1:9/hook/t0ken"})
    assert "was shown already" in again.text
    listed = (await plain.get("/channels")).text
    [channel] = set(re.findall(r"/channels/([0-9a-f-]{36})\"", listed))
    shown = await plain.get(f"/channels/{channel}")
    checked(shown)
    assert secret not in shown.text
    rotated = await plain.post(f"/channels/{channel}/rotate", data={"csrf": csrf, "hours": "1"})
    [other] = re.findall(r"whsec_[^\"]+", rotated.text)
    assert other != secret
    assert "signs too until" in rotated.text
    tested = await plain.post(f"/channels/{channel}/test", data={"csrf": csrf})
    assert tested.headers["Location"] == f"/channels/{channel}?notice=testing"
    told = (await plain.get(tested.headers["Location"])).text
    assert re.search(r">Test\s*<span", told)
    assert "delivery-pending" in told
    assert 'data-soon="1"' in told, "the page asks again until it is made"
    assert "delivery-pending" in (await plain.get(f"/deliveries?channel={channel}")).text
    bad = {"csrf": csrf, "name": "Sales", "url": "nowhere"}
    assert (await plain.post(f"/channels/{channel}", data=bad)).status_code == 400
    saved = await plain.post(f"/channels/{channel}", data={**bad, "name": "All", "url": ""})
    assert saved.status_code == 303
    off = await plain.post(f"/channels/{channel}/switch", data={"csrf": csrf})
    shown = await plain.get(off.headers["Location"])
    assert "channel-off" in shown.text
    assert "<h1>All</h1>" in shown.text
    gone = await plain.post(f"/channels/{channel}/remove", data={"csrf": csrf})
    assert "No channel yet" in (await plain.get(gone.headers["Location"])).text


async def test_an_alert_is_previewed_added_changed_and_removed(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    await enter(plain, web)
    csrf = await token(plain)
    signal = {"csrf": csrf, "kind": "signal", "once": "1" * 32, "name": "Bot"}
    added = await plain.post("/channels", data={**signal, "workflow": "w", "signal": "told"})
    channel = added.headers["Location"].partition("?")[0].removeprefix("/channels/")
    sent: dict[str, object] = {
        "csrf": csrf,
        "name": "Prices",
        "channel": channel,
        "enabled": "1",
        "event": ["change", "page_added"],
        "severity": "high",
        "confidence": "70",
        "price_percent": "2,5",
        "price_direction": "down",
        "tags": "Rivals, plans",
        "appear": "enterprise\r\n\r\nfree trial",
        "digest": "daily",
        "quiet_from": "20:00",
        "quiet_to": "08:00",
        "quiet_zone": "Europe/Berlin",
    }
    preview = await plain.post("/alerts", data={**sent, "preview": "1", "days": "30"})
    assert preview.status_code == 200
    checked(preview)
    assert "0 of 0 changes" in preview.text
    assert "No alert yet" in (await plain.get("/alerts")).text, "a preview saves nothing"
    wrong = {
        "price_percent": "much", "confidence": "101", "quiet_zone": "Mars/North", "days": "0",
        "quiet_to": "20:00", "tags": "x" * 100, "domain": "x",
    }  # fmt: skip
    for name, value in wrong.items():
        refused = await plain.post("/alerts", data={**sent, name: value, "preview": "1"})
        assert refused.status_code == 400, name
        assert 'role="alert"' in refused.text
        assert ">\nenterprise" in refused.text, "what was typed is kept"
    nobody = await plain.post("/alerts", data={**sent, "channel": ""})
    assert nobody.status_code == 400
    answer = await plain.post("/alerts", data=sent)
    assert answer.status_code == 303
    path = answer.headers["Location"].partition("?")[0]
    form = (await plain.get(path)).text
    assert 'name="price_percent" type="text" value="2.5"' in form
    assert 'name="confidence" type="text" value="70"' in form
    assert ">\nenterprise\nfree trial</textarea>" in form
    assert 'name="tags" type="text" value="rivals, plans"' in form
    assert 'value="page_added" checked' in form
    listed = (await plain.get("/alerts")).text
    for words in (
        "high or more severe", "a price falls by 2.5 % or more", "tagged rivals, plans",
        "“enterprise, free trial” appears", "tells Bot, daily",
        "quiet from 20:00 to 08:00 (Europe/Berlin)",
    ):  # fmt: skip
        assert words in listed
    all_of_it = {"csrf": csrf, "name": "Everything", "channel": channel}
    assert (await plain.post(path, data=all_of_it)).status_code == 303
    listed = (await plain.get("/alerts")).text
    assert "every change" in listed, "a filter that is left open is removed"
    assert "quiet" not in listed.partition("<main")[2].replace('class="quiet"', "")
    assert "switch-off" in listed, "a box that is not ticked turns it off"
    await plain.post(f"{path}/switch", data={"csrf": csrf, "on": "1"})
    assert "switch-on" in (await plain.get("/alerts")).text
    await plain.post(f"{path}/remove", data={"csrf": csrf})
    assert (await plain.get(path)).status_code == 404


def as_sent(html: str) -> dict[str, list[str]]:
    """The boxes that are ticked, and the texts, as a browser sends the form of an alert."""
    form = html.partition('action="/alerts/')[2].partition("</form>")[0]
    sent: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        if 'type="checkbox"' not in tag or " checked" in tag:
            [name], [value] = (
                re.findall(' name="([^"]*)"', tag),
                re.findall(' value="([^"]*)"', tag),
            )
            sent.setdefault(name, []).append(value)
    return sent


async def added_alert(system: System, **on: list[str]) -> str:
    """The id of an alert with a channel of its own."""
    hook = {"kind": "webhook", "name": "ops", "url": "http://127.0.0.1:9/hook"}
    channel = (await system.api.post("/api/channels", json=hook)).json()["data"]["id"]
    alert = {"name": "Rivals", "channelIds": [channel], "on": on}
    answer = await system.api.post("/api/alerts", json=alert)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["id"])


async def test_to_save_an_alert_drops_nothing_that_it_is_about(
    plain: httpx2.AsyncClient, web: WebSystem, system: System, site: FakeSite
) -> None:
    page = await system.lone_page(site)
    [domain] = (await system.api.get("/api/domains")).json()["data"]
    alert = await added_alert(system, domainIds=[domain["id"]], pageIds=[str(page)])
    await signed_in_as_owner(plain, system)
    form = (await plain.get(f"/alerts/{alert}")).text
    assert f">{site.origin}/</label>" in form, "a page is named by its URL"

    await add_newer(system)
    kept = as_sent((await plain.get(f"/alerts/{alert}")).text)
    assert (await plain.post(f"/alerts/{alert}", data=kept)).status_code == 303
    stored = (await system.api.get(f"/api/alerts/{alert}")).json()["data"]
    assert stored["on"]["domainIds"] == [domain["id"]]
    assert len(stored["channelIds"]) == 1
    listed = (await plain.get("/alerts")).text
    assert f'<span class="chip">{domain["displayName"]}</span>' in listed
    assert "tells ops" in listed

    assert (await system.api.delete(f"/api/domains/{domain['id']}")).status_code == 204
    form = (await plain.get(f"/alerts/{alert}")).text
    sent = as_sent(form)
    assert (sent["domain"], sent["page"]) == ([domain["id"]], [str(page)])
    refused = await plain.post(f"/alerts/{alert}", data=sent)
    assert refused.status_code == 400
    assert f'id="i-domain-error">There is no domain {domain["id"]}.' in refused.text
    checked(refused)
    after = (await system.api.get(f"/api/alerts/{alert}")).json()["data"]
    assert after["on"] == stored["on"]


async def add_newer(system: System) -> None:
    """A hundred domains and channels that are newer than all others of the organisation."""
    async with system.database.transaction() as session:
        key = system.api.headers["Authorization"].removeprefix("Bearer ")
        org_id = (await organisation_of(session, key)).id
        for number in range(100):
            await new_domain(session, org_id, f"rival-{number}.example")
        now = datetime.now(UTC)
        session.add_all(
            Channel(
                org_id=org_id,
                kind=ChannelKind.SIGNAL,
                name=f"other-{number}",
                target={},
                created_at=now,
                updated_at=now,
            )
            for number in range(100)
        )


async def test_a_feed_shows_its_address_once_and_is_removed(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    await enter(plain, web)
    csrf = await token(plain)
    sent = {"csrf": csrf, "once": "2" * 32, "name": "Rivals", "tag": "Rivals"}
    for name, value in (("name", ""), ("domain", "x"), ("tag", "x" * 99), ("once", "")):
        refused = await plain.post("/feeds", data={**sent, name: value})
        assert refused.status_code == 400, name
        checked(refused)
    added = await plain.post("/feeds", data=sent)
    checked(added)
    address = re.search(r'value="(http[^"]+/feeds/[^"]+)"', added.text)
    assert address
    path = address[1][address[1].index("/feeds/") :]
    assert (await plain.get(path)).headers["Content-Type"].startswith("application/atom+xml")
    assert address[1] not in (await plain.post("/feeds", data=sent)).text
    listed = (await plain.get("/feeds")).text
    assert "tagged rivals" in listed
    [feed] = set(re.findall(r"/feeds/([0-9a-f-]{36})/remove", listed))
    await plain.post(f"/feeds/{feed}/remove", data={"csrf": csrf})
    assert (await plain.get(path)).status_code == 404


async def test_keys_are_listed_and_revoked_and_their_sessions_ended(
    plain: httpx2.AsyncClient, web: WebSystem
) -> None:
    async with web.system.database.transaction() as session:
        other = await create_key(session, "acme")
    await enter(plain, web, key=other.key)
    theirs = dict(plain.cookies)
    plain.cookies.clear()
    await enter(plain, web)
    csrf = await token(plain)
    listed = (await plain.get("/keys")).text
    assert {str(web.key.id), str(other.id)} <= set(re.findall(r"k-([0-9a-f-]{36})", listed))
    assert other.key not in listed
    ended = await plain.post(f"/keys/{other.id}/sessions/end", data={"csrf": csrf})
    assert ended.headers["Location"] == "/keys?notice=sessions-ended"
    own = dict(plain.cookies)
    plain.cookies.clear()
    plain.cookies.update(theirs)
    assert (await plain.get("/")).status_code == 303
    assert (await enter(plain, web, key=other.key)).status_code == 303, "the key is valid still"
    plain.cookies.clear()
    plain.cookies.update(own)
    await plain.post(f"/keys/{other.id}/revoke", data={"csrf": csrf})
    assert "key-revoked" in (await plain.get("/keys")).text
    out = await plain.post(f"/keys/{web.key.id}/revoke", data={"csrf": csrf})
    assert out.headers["Location"] == "/sign-in?notice=key-revoked"
    plain.cookies.update(own)
    assert (await plain.get("/")).status_code == 303
