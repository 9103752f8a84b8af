"""Pages in a real browser: what they show, what they cost, and what they cannot reach."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote

import pytest

from activities.http.fetch import Fetched, Fetcher
from activities.rendering.browser import Browser
from activities.rendering.proxy import ProxyLimits
from activities.rendering.renderer import Renderer, RenderingLimits
from core.errors import BrowserMissing, RenderingFailed
from core.web.addresses import Address
from core.web.crawl_settings import DEFAULT_PROFILE, RequestProfile
from tests.activities.conftest import USER_AGENT
from tests.activities.http.test_address_guard import PUBLIC, Internet, Watch, watch
from tests.eventually import HANG, eventually
from tests.needs import need
from tests.site import FakeSite, SiteRequest

pytestmark = pytest.mark.dear

__all__ = ["watch"]

LIMITS = RenderingLimits(settle=HANG, deadline=HANG)
SHELL = '<title>App</title><div id="root"></div><script src="/app.js"></script>'
JAVASCRIPT = {"Content-Type": "text/javascript"}


@pytest.fixture(scope="module")
async def browser(chromium: None) -> AsyncIterator[Browser]:
    """One browser for the whole module."""
    browser = Browser()
    yield browser
    await browser.aclose()


@pytest.fixture
def renderer(browser: Browser, fetcher: Fetcher) -> Renderer:
    """What renders the sites on loopback."""
    return Renderer(browser, fetcher, user_agent=USER_AGENT, limits=LIMITS)


def document(url: str, html: str) -> Fetched:
    return Fetched(url=url, status=200, content_type="text/html", body=html.encode())


def app(site: FakeSite, script: str) -> Fetched:
    """The shell of an application, whose script is `script`."""
    site.page("/app.js", script, headers=JAVASCRIPT)
    return document(site.url("/"), SHELL)


async def test_what_scripts_write_is_read(renderer: Renderer, site: FakeSite) -> None:
    site.page("/prices.json", '{"pro": "$99 €"}', headers={"Content-Type": "application/json"})
    script = """fetch('/prices.json').then(r => r.json()).then(prices => setTimeout(() => {
        document.getElementById('root').innerHTML = '<p>Pro costs ' + prices.pro + '</p>';
    }, 100))"""
    shown = await renderer.render(app(site, script), DEFAULT_PROFILE)
    assert "<p>Pro costs $99 €</p>" in shown.body.decode()
    assert (shown.content_type, shown.validators.headers) == ("text/html; charset=utf-8", {})
    assert site.requests_for("/") == [], "the document is not asked for again"
    assert {request.headers["user-agent"] for request in site.requests} == {USER_AGENT}


async def test_secrets_are_told_the_page_s_own_origin_only(
    renderer: Renderer, site: FakeSite
) -> None:
    async with FakeSite() as other:
        for each in (site, other):
            each.page("/data", "x", headers={"Access-Control-Allow-Origin": "*"})
        site.page("/away", "", status=302, headers={"Location": other.url("/data?redirected")})
        other.page("/data?redirected", "x", headers={"Access-Control-Allow-Origin": "*"})
        urls = ["/data", "/away", other.url("/data")]
        script = f"""Promise.allSettled({urls}.map(url => fetch(url))).then(() => {{
            document.getElementById('root').textContent = 'done: ' + document.cookie }})"""
        profile = RequestProfile("Me/1", {"X-Token": "hunter2"}, {"c": "hunter3"}, site.origin)
        shown = await renderer.render(app(site, script), profile)
        assert "done: </div>" in shown.body.decode()
        told = {each.target for each in site.requests if each.headers.get("x-token") == "hunter2"}
        assert told == {"/app.js", "/data", "/away"}
        assert {each.target for each in other.requests} == {"/data", "/data?redirected"}
        assert "hunter" not in str(other.requests)
        assert {each.headers["user-agent"] for each in site.requests + other.requests} == {"Me/1"}


async def test_images_media_fonts_frames_and_windows_are_not_asked_for(
    renderer: Renderer, site: FakeSite
) -> None:
    html = """<p>Text</p><img src=/i.png><video src=/v.mp4></video><iframe src=/f></iframe>
        <style>@font-face { font-family: f; src: url(/f.woff) } p { font-family: f }</style>
        <script>window.open('/window'); alert('hello');
        navigator.sendBeacon('/beacon'); navigator.serviceWorker?.register('/sw.js');
        setTimeout(() => location.href = '/elsewhere', 50)</script>"""
    shown = await renderer.render(document(site.url("/"), html), DEFAULT_PROFILE)
    assert "<p>Text</p>" in shown.body.decode()
    assert [request.target for request in site.requests] == []


async def test_requests_and_bytes_of_a_page_are_bounded(
    browser: Browser, fetcher: Fetcher, site: FakeSite
) -> None:
    async def endless(_: SiteRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    site.behave("/endless", endless)
    limits = RenderingLimits(
        settle=HANG, deadline=HANG, requests=20, network=ProxyLimits(bytes=2 * 2**20)
    )
    renderer = Renderer(browser, fetcher, user_agent=USER_AGENT, limits=limits)
    script = """document.getElementById('root').textContent = 'shown';
        for (let i = 0; i < 100; i++) fetch('/many?' + i).catch(() => {});"""
    shown = await renderer.render(app(site, script), DEFAULT_PROFILE)
    assert "shown" in shown.body.decode()
    assert len(site.requests) <= 20
    script = "fetch('/endless').then(r => r.text()).catch(() => document.title = 'cut off')"
    shown = await renderer.render(app(site, script), DEFAULT_PROFILE)
    assert "<title>cut off</title>" in shown.body.decode()


async def test_a_page_that_never_rests_is_read_as_it_is_and_one_that_hangs_fails(
    browser: Browser, fetcher: Fetcher, site: FakeSite
) -> None:
    limits = RenderingLimits(settle=3, deadline=HANG)
    renderer = Renderer(browser, fetcher, user_agent=USER_AGENT, limits=limits)
    busy = (
        "document.getElementById('root').textContent = 'shown'; setInterval(() => fetch('/x'), 200)"
    )
    assert "shown" in (await renderer.render(app(site, busy), DEFAULT_PROFILE)).body.decode()
    limits = RenderingLimits(settle=HANG, deadline=2)
    impatient = Renderer(browser, fetcher, user_agent=USER_AGENT, limits=limits)
    with pytest.raises(RenderingFailed, match="busy for more than 2 s"):
        await impatient.render(app(site, "while (true) {}"), DEFAULT_PROFILE)
    next_one = app(site, "document.getElementById('root').textContent = 'next'")
    assert "next" in (await renderer.render(next_one, DEFAULT_PROFILE)).body.decode()


@pytest.mark.usefixtures("chromium")
async def test_after_a_crash_of_the_browser_the_next_page_is_rendered(
    fetcher: Fetcher, site: FakeSite
) -> None:
    browser = Browser()
    renderer = Renderer(browser, fetcher, user_agent=USER_AGENT, limits=LIMITS)
    site.hold("/held")
    waiting = app(site, "fetch('/held')")
    rendering = asyncio.create_task(renderer.render(waiting, DEFAULT_PROFILE))
    await site.arrived("/held")
    assert await asyncio.to_thread(end_browsers, os.getpid())
    with pytest.raises(RenderingFailed, match="crashed over the page"):
        await rendering
    site.release("/held")
    again = app(site, "document.getElementById('root').textContent = 'again'")
    assert "again" in (await renderer.render(again, DEFAULT_PROFILE)).body.decode()
    await browser.aclose()


async def test_without_a_browser_it_is_said_what_to_install(
    fetcher: Fetcher, site: FakeSite
) -> None:
    need("libatomic")
    renderer = Renderer(Browser(Path("/nowhere/chromium")), fetcher, user_agent=USER_AGENT)
    with pytest.raises(BrowserMissing, match="install the extra `browser`"):
        await renderer.render(app(site, ""), DEFAULT_PROFILE)


@pytest.mark.usefixtures("chromium")
async def test_a_worker_that_is_killed_leaves_no_browser_behind(
    site: FakeSite, tmp_path: Path
) -> None:
    site.hold("/held")
    site.page("/app.js", "fetch('/held')", headers=JAVASCRIPT)
    program = f"""if True:
        import asyncio
        from activities.rendering.browser import Browser
        from activities.http.fetch import Fetcher
        from activities.rendering.renderer import Renderer
        from core.web.crawl_settings import DEFAULT_PROFILE
        from tests.activities.rendering.test_renderer import document, SHELL

        async def main():
            fetcher = Fetcher(user_agent="x", allow_private_networks=True)
            renderer = Renderer(Browser(), fetcher, user_agent="x")
            await renderer.render(document({site.url("/")!r}, SHELL), DEFAULT_PROFILE)

        asyncio.run(main())"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    await site.arrived("/held")
    children = descendants(process.pid)
    assert any("chromium" in name for name in children.values())
    process.kill()
    await process.wait()

    async def left() -> list[str]:
        return [name for pid, name in children.items() if name_of(pid) == name]

    await eventually(left, lambda alive: alive == [])


FORBIDDEN = [
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "0x7f.1",
    "localhost",
    "private.example",
    "rebinding.example",
    "169.254.169.254",
    "[64:ff9b::7f00:1]",
    "0.0.0.0",
    "127.0.0.1.nip.example",
]

HOSTILE = """
const hosts = HOSTS, port = PORT, tries = [];
const add = (name, fields) => {
    const made = Object.assign(document.createElement(name), fields);
    document.body.append(made);
    return made;
};
const attempt = (action) => {
    const enough = new Promise(done => setTimeout(done, 1500));
    try { tries.push(Promise.race([action(), enough]).catch(() => {})) } catch {}
};
for (const host of hosts) for (const at of [`${host}:${port}`, host]) {
    for (const url of at === host ? [`http://${at}/`] : [`http://${at}/`, `https://${at}/`]) {
        attempt(() => fetch(url, {mode: 'no-cors'}));
        attempt(() => fetch(url, {method: 'POST', body: 'x', mode: 'no-cors'}));
        attempt(() => add('img', {src: url}));
        attempt(() => add('iframe', {src: url}));
        attempt(() => add('script', {src: url}));
        attempt(() => add('link', {rel: 'stylesheet', href: url}));
        attempt(() => add('link', {rel: 'preconnect', href: url}));
        attempt(() => add('link', {rel: 'dns-prefetch', href: url}));
        attempt(() => add('link', {rel: 'prefetch', href: url}));
        attempt(() => add('object', {data: url}));
        attempt(() => new WebSocket(url.replace('http', 'ws')));
        attempt(() => new EventSource(url));
        attempt(() => navigator.sendBeacon(url, 'x'));
        attempt(() => window.open(url));
        attempt(() => add('form', {action: url, method: 'POST', target: '_blank'}).submit());
        attempt(() => new WebTransport(url.replace('http:', 'https:')).ready);
        attempt(() => new Worker(URL.createObjectURL(new Blob([`fetch('${url}')`]))));
    }
    attempt(() => fetch(`/hop?${encodeURIComponent(at)}`, {mode: 'no-cors'}));
    attempt(() => add('script', {src: `/hop?${encodeURIComponent(at)}`}));
}
attempt(async () => {
    const servers = [`stun:127.0.0.1:${UDP}`, `turn:127.0.0.1:${port}?transport=tcp`,
        `turn:127.0.0.1:${UDP}?transport=udp`];
    const peer = new RTCPeerConnection({iceServers: servers.map(
        urls => urls.startsWith('turn') ? {urls, username: 'a', credential: 'b'} : {urls})});
    peer.createDataChannel('x');
    await peer.setLocalDescription(await peer.createOffer());
    await new Promise(done => setTimeout(done, 1500));
});
add('a', {href: 'file:///etc/passwd', target: '_blank'}).click();
attempt(() => fetch('file:///etc/passwd').then(r => r.text()).then(t => document.title = t));
Promise.allSettled(tries).then(() => fetch('/tried?' + encodeURIComponent(document.title)));
"""


async def resolve(host: str, _: int) -> Sequence[Address]:
    """Names of the test; one of them moves after each question."""
    resolve.asked += 1  # type: ignore[attr-defined]
    known = {
        "localhost": "127.0.0.1",
        "private.example": "10.0.0.1",
        "127.0.0.1.nip.example": "127.0.0.1",
    }
    if host == "rebinding.example" and resolve.asked % 2:  # type: ignore[attr-defined]
        return [ip_address("127.0.0.1")]
    return [ip_address(known.get(host, PUBLIC))]


resolve.asked = 0  # type: ignore[attr-defined]


@pytest.fixture
def datagrams() -> Iterator[socket.socket]:
    """Hears what is sent to it over UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        yield listening


async def test_nothing_that_a_page_can_do_reaches_an_address_that_is_not_public(
    browser: Browser,
    site: FakeSite,
    watch: Watch,
    datagrams: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hop(request: SiteRequest, writer: asyncio.StreamWriter) -> None:
        target = unquote(request.target.partition("?")[2])
        if request.target.startswith("/hop?"):
            head = f"HTTP/1.1 302 Found\r\nLocation: http://{target}/\r\n"
        else:
            head = "HTTP/1.1 404 Not Found\r\n"
        writer.write(f"{head}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())

    script = (
        HOSTILE.replace("HOSTS", str(FORBIDDEN))
        .replace("PORT", str(watch.port))
        .replace("UDP", str(datagrams.getsockname()[1]))
    )
    site.page("/app.js", script, headers=JAVASCRIPT)
    site.otherwise(hop)
    monkeypatch.setattr("activities.http.network.httpcore2.AnyIOBackend", lambda: Internet(site))
    guarded = Fetcher(user_agent=USER_AGENT, allow_private_networks=False, resolve=resolve)
    limits = RenderingLimits(
        settle=HANG, deadline=HANG, requests=5_000, network=ProxyLimits(connections=5_000)
    )
    renderer = Renderer(browser, guarded, user_agent=USER_AGENT, limits=limits)
    # The page tries for ever: it is left when it has tried all of it once.
    rendering = asyncio.create_task(
        renderer.render(document("http://public.example/", SHELL), DEFAULT_PROFILE)
    )

    async def tried() -> list[str]:
        assert not rendering.done(), await rendering
        return [each.target for each in site.requests if each.target.startswith("/tried?")]

    assert await eventually(tried, bool) == ["/tried?App"], "it has read no file"
    rendering.cancel()
    await asyncio.wait({rendering})
    await guarded.aclose()
    assert [each.target for each in site.requests].count("/app.js") == 1
    assert sum(each.target.startswith("/hop?") for each in site.requests) >= len(FORBIDDEN)
    assert watch.accepted == []
    with pytest.raises(BlockingIOError):
        datagrams.recv(1)


async def test_the_listeners_would_hear_a_page(renderer: Renderer, watch: Watch) -> None:
    html = f"<div id=root></div><script>fetch('http://127.0.0.1:{watch.port}/')</script>"
    await renderer.render(document("http://public.example/", html), DEFAULT_PROFILE)
    assert watch.accepted != []


def descendants(pid: int) -> dict[int, str]:
    """Name of each process under `pid`, by its id."""
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*"):
            with suppress(OSError):
                for child in map(int, (task / "children").read_text().split()):
                    found[child] = name_of(child)
                    waiting.append(child)
    return found


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def end_browsers(pid: int) -> int:
    """Kill the browsers that this process has started, of which the tests' own is one."""
    ended = 0
    for child, name in descendants(pid).items():
        if name.startswith("chrom"):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                ended += 1
    return ended
