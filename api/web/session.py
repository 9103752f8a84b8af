"""The session of the web page, and forms that other sites cannot send.

A cookie carries the session's token. It is `SameSite=Strict`, so a form of another site does not
send it. Each form also has a token of its own, which derives from the session's one.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Annotated, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import Depends, Request, Response

from api.deps import ClientDep, DatabaseDep, DeliveryDep, Principal, services_of
from api.idempotency import Idempotency
from api.web.forms import Form
from core.errors import DiffyError, Forbidden, InvalidRequest
from core.logs.context import logging_about
from core.scopes import Scope, refusal
from store.web_sessions import SESSION_LIFETIME, SignedIn, signed_in

COOKIE: Final = "diffy_session"
FORM: Final = "application/x-www-form-urlencoded"
MAX_FIELDS: Final = 500

_ONCE: Final = re.compile(r"[0-9a-f]{32}")

_LOCAL_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path of this site. Browsers read a backslash as a slash, and two slashes as another host."""


class SignInNeeded(DiffyError):
    """The request has no session; `path` is where the person wanted to go."""

    http_status = 303

    def __init__(self, path: str) -> None:
        super().__init__("Sign in first.")
        self.path = path

    @property
    def location(self) -> str:
        """The address of the sign-in page."""
        return "/sign-in" + (f"?{urlencode({'next': self.path})}" if self.path != "/" else "")


async def current_session(request: Request) -> SignedIn:
    """The session of the request. Raises SignInNeeded."""
    found = await session_or_none(request)
    if found is None:
        path = request.url.path
        query = f"?{request.url.query}" if request.url.query else ""
        raise SignInNeeded(local_path(path + query) if request.method == "GET" else "/")
    return found


async def session_or_none(request: Request) -> SignedIn | None:
    """The session of the request; None if there is none, or it has ended."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    async with services_of(request.app).database.reading() as session:
        found = await signed_in(session, token, datetime.now(UTC))
    if found is not None:
        services_of(request.app).key_uses.note(found.key_id)
        request.state.signed_in = found
        logging_about(org_id=found.org_id)
        request.state.csrf = _form_token(token)
    return found


SIGNED_IN: Final = (Depends(current_session),)
"""Dependencies of a router that is for sessions: its routes look at nothing else before."""

SessionDep = Annotated[SignedIn, Depends(current_session)]


async def _principal(signed_in: SessionDep) -> Principal:
    return Principal(signed_in.org_id, signed_in.scope, signed_in.key_id)


OwnerDep = Annotated[Principal, Depends(_principal)]
"""The principal of the session, as the routes of the REST API take it."""


async def form_fields(request: Request) -> Form:
    """The fields of a form of this site. Raises Forbidden if another site sent it."""
    _refuse_other_site(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise InvalidRequest("The body is not a form.")
    body = (await request.body()).decode(errors="replace")
    try:
        fields = parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidRequest(f"The form has more than {MAX_FIELDS} fields.") from None
    return Form((name, value.strip()) for name, value in fields)


async def _session_form(request: Request, session: SessionDep) -> Form:
    fields = await form_fields(request)
    # A comparison of text would refuse signs that are not ASCII.
    given, wanted = fields.get("csrf", "").encode(), str(request.state.csrf).encode()
    if not hmac.compare_digest(given, wanted):
        raise Forbidden("This form is not of your session. Go back, load the page again, and send.")
    needed = _needed_scope(request.url.path)
    if not session.scope.includes(needed):
        raise Forbidden(refusal(session.scope, needed))
    return fields


def _needed_scope(path: str) -> Scope:
    """The scope that a form needs: each changes something, and only a session may end by any."""
    if path == "/sign-out":
        return Scope.READ
    return Scope.ADMIN if f"{path}/".startswith("/keys/") else Scope.WRITE


FormDep = Annotated[Form, Depends(_session_form)]
"""The fields of a form that a page of this session has shown. Raises Forbidden and SignInNeeded."""


async def _once(
    owner: OwnerDep, client: ClientDep, database: DatabaseDep, delivery: DeliveryDep
) -> Idempotency:
    return Idempotency(owner, client, database, delivery, None, "")


OnceDep = Annotated[Idempotency, Depends(_once)]
"""A request without a key: its answer is a redirect, so that the browser sends it once."""


async def _once_a_form(
    request: Request,
    fields: FormDep,
    owner: OwnerDep,
    client: ClientDep,
    database: DatabaseDep,
    delivery: DeliveryDep,
) -> Idempotency:
    key = fields.get("once", "")
    if not _ONCE.fullmatch(key):
        raise InvalidRequest("The form is incomplete. Go back, load the page again, and send.")
    asked = f"{request.url.path}\n".encode() + await request.body()
    fingerprint = hashlib.sha256(asked).hexdigest()
    return Idempotency(owner, client, database, delivery, f"form-{key}", fingerprint)


SessionOnceDep = Annotated[Idempotency, Depends(_once_a_form)]
"""The request of a form whose answer is a page: when that is loaded again, nothing is done twice.
The form has a field `once`.
"""


def set_session(request: Request, response: Response, token: str) -> None:
    """Give the browser the token of its session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def forget_session(response: Response) -> None:
    """Delete the token of the session from the browser."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def local_path(path: str) -> str:
    """`path` if it leads to this site, or else the front page."""
    return path if _LOCAL_PATH.fullmatch(path) else "/"


def referring_path(request: Request) -> str:
    """The path of the page that led here; the front page if it is of another site, or unknown."""
    referrer = urlsplit(request.headers.get("referer", ""))
    if referrer.netloc != request.headers.get("host") or referrer.path == request.url.path:
        return "/"
    return local_path(referrer.path + (f"?{referrer.query}" if referrer.query else ""))


def with_notice(path: str, notice: str) -> str:
    """The address `path` as the answer to an action, with its notice."""
    address = urlsplit(path)
    kept = [pair for pair in parse_qsl(address.query) if pair[0] != "notice"]
    return f"{address.path}?{urlencode([*kept, ('notice', notice)])}"


def is_cross_site_visit(request: Request) -> bool:
    """Whether a link of another site led here: the browser withholds the cookie then."""
    return request.headers.get("sec-fetch-site") == "cross-site" and COOKIE not in request.cookies


def _refuse_other_site(request: Request) -> None:
    """Refuse a form that another site sent, by what the browser says of its origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        origin = request.headers.get("origin")
        own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not own:
        raise Forbidden("Another site sent this form.")


def _form_token(token: str) -> str:
    return hmac.digest(token.encode(), b"form", "sha256").hex()
