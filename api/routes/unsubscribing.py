"""The link in each mail by which its recipient leaves a channel, without an API key (RFC 8058)."""

from datetime import UTC, datetime
from html import escape
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api.deps import DatabaseDep, SecretKeyDep
from core.alerts.unsubscribing import INVALID_LINK, unsubscribed_by
from core.errors import NotFound, SecretsUnreadable
from store.secretkey import SecretKey
from store.unsubscribing import unsubscribe

public = APIRouter()

_HEAD: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>Unsubscribe</title>'
    '<body style="font-family:sans-serif;max-width:40em;margin:2em auto">'
)
HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}


@public.get("/unsubscribe/{token}")
async def ask(token: str, secret_key: SecretKeyDep) -> Response:
    """A page with a button. Nothing is done yet: scanners of mail follow every link."""
    _, address = _named_in(token, secret_key)
    return _page(
        f"<p>Send no more mails about changes to {escape(address)}?</p>"
        '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
        "<button>Unsubscribe</button></form>"
    )


@public.post("/unsubscribe/{token}")
async def unsubscribe_now(token: str, database: DatabaseDep, secret_key: SecretKeyDep) -> Response:
    """Take the recipient of the mail off its channel. Idempotent."""
    channel_id, address = _named_in(token, secret_key)
    async with database.transaction() as session:
        await unsubscribe(session, channel_id, address, datetime.now(UTC))
    return _page(f"<p>{escape(address)} gets no more mails of this channel.</p>")


def _named_in(token: str, secret_key: SecretKey) -> tuple[UUID, str]:
    """The channel and the address of a token. Raises NotFound if it is none of ours."""
    try:
        box = secret_key.for_opening()
    except SecretsUnreadable:
        raise NotFound(INVALID_LINK) from None  # without a key nobody has got a link
    return unsubscribed_by(box, token)


def _page(body: str) -> Response:
    return HTMLResponse(f"{_HEAD}{body}</body></html>\n", headers=HEADERS)
