"""The shop of `diffy demo`: a few pages in a folder, served on loopback."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

OLD_PRICE: Final = "$29"
NEW_PRICE: Final = "$35"

PRICING: Final = "pricing.html"

_PAGES: Final = {
    "index.html": """<h1>Lantern &amp; Co.</h1>
<p>Project planning for small workshops.</p>
<ul>
<li><a href="/pricing.html">Pricing</a></li>
<li><a href="/features.html">Features</a></li>
<li><a href="/changelog.html">Changelog</a></li>
</ul>""",
    PRICING: """<h1>Pricing</h1>
<h2>Starter</h2><p>Starter costs $9 a month, for three people.</p>
<h2>Team</h2><p>Team costs $29 a month, for twenty people.</p>
<h2>Workshop</h2><p>Workshop costs $79 a month, for everybody.</p>
<p><a href="/">Home</a></p>""",
    "features.html": """<h1>Features</h1>
<ul><li>A board for each order</li><li>Delivery dates that hold</li><li>Export to CSV</li></ul>
<p><a href="/">Home</a></p>""",
    "changelog.html": """<h1>Changelog</h1>
<h2>Version 4</h2><p>Boards can be printed.</p>
<h2>Version 3</h2><p>Orders have a history.</p>
<p><a href="/">Home</a></p>""",
}


def write_shop(folder: Path) -> None:
    """Write the pages of the shop."""
    folder.mkdir(parents=True)
    for name, body in _PAGES.items():
        title = body.partition("<h1>")[2].partition("</h1>")[0]
        page = f'<!doctype html>\n<html lang="en"><title>{title}</title>\n{body}\n</html>\n'
        (folder / name).write_text(page, encoding="utf-8")


def raise_price(folder: Path) -> None:
    """Edit the shop as its owner would: the plan Team costs more."""
    page = folder / PRICING
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace(OLD_PRICE, NEW_PRICE), encoding="utf-8")


@contextmanager
def served_shop(folder: Path) -> Iterator[str]:
    """Serve the folder on loopback for the length of the block; its address."""
    import threading
    from http.server import ThreadingHTTPServer

    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(folder)) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()


def _handler(folder: Path) -> "type[BaseHTTPRequestHandler]":
    from http.server import BaseHTTPRequestHandler

    class Handler(BaseHTTPRequestHandler):
        """Serves the pages of the folder as they are now, and nothing else."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer with a page, or 304 if the client has it."""
            name = self.path.partition("?")[0].removeprefix("/") or "index.html"
            # Only a page that lies in the folder: a path with parts finds none.
            found = {each.name: each for each in folder.glob("*.html")}.get(name)
            if found is None:
                self._answer(404, b"not here")
                return
            body = found.read_bytes()
            # The hash, not the time: a page may be edited twice within a second.
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            if self.headers.get("If-None-Match") == etag:
                self._answer(304, b"", etag)
            else:
                self._answer(200, body, etag)

        def _answer(self, status: int, body: bytes, etag: str | None = None) -> None:
            self.send_response(status)
            if etag is not None:
                self.send_header("ETag", etag)
            if status != 304:
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: the terminal is the demo's."""

    return Handler
