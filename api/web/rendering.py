"""HTML answers and the files that they refer to."""

import hashlib
import mimetypes
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.web.words import camel_words, distance, duration, schedule_words, spoken
from core.model import utc_text
from core.scopes import Scope
from store.web_sessions import SignedIn

FOLDER: Final = Path(__file__).parent

FOREVER: Final = "public, max-age=31536000, immutable"

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "frame-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""No inline script or style, nothing of another host, and no other site around the page."""

RENDERING_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'self'",
            "sandbox allow-same-origin",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
"""For what a site has sent, as a frame of our page shows it: no script, and no request but for our
own stylesheet, whatever the document says. It has our origin, so that our page can hear clicks.
"""

NOTICES: Final = {
    "acknowledged": "Acknowledged.",
    "added": "The domain was added. Its discovery looks for pages now.",
    "alert-added": "The alert was added. It is about changes that are found from now on.",
    "alert-off": "The alert is off.",
    "alert-on": "The alert is on.",
    "alert-removed": "The alert was removed.",
    "alert-saved": "The alert was saved. It is about changes that are found from now on.",
    "cancelled": "The job was cancelled.",
    "channel-added": "The channel was added. Send a test to see whether it works.",
    "channel-off": "The channel is off: what was pending has failed.",
    "channel-on": "The channel is on.",
    "channel-removed": "The channel was removed. Alerts do not tell it any more.",
    "channel-saved": "The channel was saved.",
    "crawling": "The crawl was started.",
    "discovering": "The discovery was started.",
    "key-revoked": "The key is revoked, and its sessions have ended.",
    "muted": "Muted: such lines are not told of any more. The settings list what is ignored.",
    "page-added": "The page was added.",
    "page-paused": "The page is not checked any more.",
    "page-removed": "The page was removed, with its snapshots and changes.",
    "page-resumed": "The page is checked again.",
    "paused": "The domain is paused: scheduled checks are skipped.",
    "promoted": "The job may run now.",
    "redelivered": "It is delivered once more, now.",
    "removed": "The domain was removed, with its pages and changes.",
    "resumed": "The domain is checked again.",
    "retried": "This job runs the failed one again.",
    "sessions-ended": "The sessions of the key have ended.",
    "settings-saved": "The settings were saved.",
    "signed-out": "You are signed out.",
    "signed-out-everywhere": "All sessions of your API key have ended.",
    "feed-removed": "The feed was removed. Its address answers nothing any more.",
    "jobs-cancelled": "The unfinished jobs that matched were cancelled.",
    "jobs-promoted": "The delayed jobs that matched may run now.",
    "jobs-retried": "The failed jobs that matched run again.",
    "testing": "A test is sent. The list of deliveries says how it went.",
    "unmuted": "Changes of all lines of the page are reported again.",
}
"""What an action tells after its redirect. The address has the key only, so that nobody can make
the page say something else by a link.
"""


@dataclass(frozen=True)
class Asset:
    """A static file: its bytes, its media type and the hash of its content."""

    content: bytes
    media_type: str
    version: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Self:
        """The file with that content."""
        return cls(content, media_type, hashlib.sha256(content).hexdigest()[:12])


def _loaded() -> dict[str, Asset]:
    assets = {}
    for path in sorted((FOLDER / "static").iterdir()):
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        assets[path.name] = Asset.of(path.read_bytes(), media_type)
    return assets


ASSETS: Final = _loaded()
"""The static files by name. There are few, and all are small."""


def answer_asset(request: Request, asset: Asset, version: str) -> Response:
    """The file, for good if its address has its `version`: then it is asked for once."""
    headers = {
        "Cache-Control": FOREVER if version == asset.version else "no-cache",
        "ETag": f'"{asset.version}"',
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


def asset_url(name: str) -> str:
    return f"/static/{name}?v={ASSETS[name].version}"


def _segment(text: str) -> str:
    """`text` as one segment of a path."""
    return quote(text, safe="")


def _fault(faults: Mapping[str, str], name: str) -> str | None:
    """What is wrong with the field of the REST API of that name, or with a part of it."""
    return next((said for at, said in faults.items() if f"{at}.".startswith(f"{name}.")), None)


def _query_of(query: Mapping[str, str], names: Sequence[str]) -> str:
    """Those parameters of an address that are set."""
    return urlencode({name: query[name] for name in names if query.get(name)})


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        distance=distance, spoken=spoken, utc=utc_text, segment=_segment, words=camel_words, zip=zip
    )
    environment.globals.update(
        asset=asset_url,
        duration=duration,
        schedule_words=schedule_words,
        fault=_fault,
        query_of=_query_of,
        once=lambda: secrets.token_hex(16),
    )
    return environment


TEMPLATES: Final = _environment()


def page(
    request: Request, template: str, *, title: str, status: int = 200, **context: object
) -> HTMLResponse:
    """The HTML of `template`, with the headers of every page."""
    signed_in: SignedIn | None = getattr(request.state, "signed_in", None)
    html = TEMPLATES.get_template(template).render(
        title=title,
        path=request.url.path,
        signed_in=signed_in,
        read_only=signed_in is not None and not signed_in.scope.includes(Scope.WRITE),
        csrf=getattr(request.state, "csrf", ""),
        notice=NOTICES.get(request.query_params.get("notice", "")),
        **context,
    )
    return HTMLResponse(html, status, {**SECURITY_HEADERS, "Cache-Control": "no-store"})
