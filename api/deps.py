"""Dependencies of the routes: the principal, the services, the ids in the path."""

from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, FastAPI, Path, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.client import Client

from api.key_limits import KeyLimits
from api.routing import has_route
from core import scopes
from core.errors import Forbidden, NotFound, Unauthorized
from core.logs.context import logging_about
from core.settings import Settings
from store.audit_log import AuditLog
from store.db.engine import Database
from store.feeds import KnownMatches
from store.key_owners import KeyOwners
from store.key_uses import KeyUses
from store.secretkey import SecretKey
from store.tables.snapshots import Snapshot
from temporal.delivery import Delivery
from temporal.jobs.actions import JobActions
from temporal.jobs.messages import Launcher
from temporal.jobs.reader import JobReader
from temporal.jobs.watch import JobWatch
from temporal.readiness import Readiness

PROTECTED = "/api/"
"""Prefix of the paths that need an API key."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods of requests that write nothing (RFC 9110, 9.2.1)."""


@dataclass(frozen=True)
class Principal:
    """The authenticated client, and what it may do."""

    org_id: UUID
    scope: scopes.Scope
    key_id: UUID


class MainTexts(Protocol):
    """Reads the main text of a snapshot when somebody asks for it. The API does not load what reads
    documents, so whoever makes the application passes one.
    """

    async def of(self, snapshot: Snapshot) -> str:
        """The article of a snapshot that was loaded with its contents."""


@dataclass(frozen=True)
class Services:
    """The services of an application, shared by all its requests."""

    settings: Settings
    client: Client
    database: Database
    launcher: Launcher
    delivery: Delivery
    reader: JobReader
    actions: JobActions
    watch: JobWatch
    secret_key: SecretKey
    main_texts: MainTexts
    readiness: Readiness
    known_matches: KnownMatches
    key_owners: KeyOwners
    key_uses: KeyUses
    audit_log: AuditLog
    key_limits: KeyLimits


def services_of(app: FastAPI) -> Services:
    """The services of `app`."""
    services: Services = app.state.services
    return services


class Authentication:
    """Middleware that requires an API key on the routes under `PROTECTED`, of the scope they need.

    It is not a dependency: FastAPI reads and parses the body before it resolves dependencies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. Raises Unauthorized, Forbidden and RateLimited."""
        if scope["type"] == "http" and scope["path"].startswith(PROTECTED):
            app: FastAPI = scope["app"]
            try:
                principal = await principal_of(app, Headers(scope=scope))
            except Unauthorized:
                if has_route(app, scope):
                    raise
            else:
                # Known before the request may be refused: its answer tells it too.
                scope.setdefault("state", {})["principal"] = principal
                logging_about(org_id=principal.org_id)
                services_of(app).key_limits.count(scope, principal.key_id)
                needed = scopes.needed_scope(scope["method"], scope["path"])
                if not principal.scope.includes(needed) and has_route(app, scope):
                    raise Forbidden(scopes.refusal(principal.scope, needed))
        await self._app(scope, receive, send)


class OwnWrites:
    """Middleware that shows an organisation in its next lists of jobs what it has just written."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        reader = services_of(scope["app"]).reader
        found: Principal | None = scope.get("state", {}).get("principal")

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Who is signed in to the web page is known only to its routes.
                reader.forget(found.org_id if found else None)
            await send(message)

        await self._app(scope, receive, sent)


async def principal_of(app: FastAPI, headers: Headers) -> Principal:
    """The owner of the key in the `Authorization` header (RFC 6750, 2.1). Raises Unauthorized."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip(" ")
    if scheme.lower() != "bearer" or not key:
        raise Unauthorized("Send an API key: Authorization: Bearer <key>.")
    services = services_of(app)
    owner = await services.key_owners.of(key)
    services.key_uses.note(owner.key_id)
    return Principal(owner.org_id, owner.scope, owner.key_id)


async def principal(request: Request) -> Principal:
    """The principal that `Authentication` found."""
    found: Principal = request.state.principal
    return found


def _service(name: str) -> Any:
    """A dependency on one of the `Services`."""

    async def service(request: Request) -> object:
        return getattr(services_of(request.app), name)

    return Depends(service)


PrincipalDep = Annotated[Principal, Depends(principal)]
SettingsDep = Annotated[Settings, _service("settings")]
ClientDep = Annotated[Client, _service("client")]
DatabaseDep = Annotated[Database, _service("database")]
LauncherDep = Annotated[Launcher, _service("launcher")]
DeliveryDep = Annotated[Delivery, _service("delivery")]
ReaderDep = Annotated[JobReader, _service("reader")]
WatchDep = Annotated[JobWatch, _service("watch")]
ActionsDep = Annotated[JobActions, _service("actions")]
SecretKeyDep = Annotated[SecretKey, _service("secret_key")]
MainTextsDep = Annotated[MainTexts, _service("main_texts")]
KeyUsesDep = Annotated[KeyUses, _service("key_uses")]
ReadinessDep = Annotated[Readiness, _service("readiness")]
KnownMatchesDep = Annotated[KnownMatches, _service("known_matches")]


def _path_id(kind: str) -> Any:
    """A dependency on the id in the path: `domain_id` for the kind "Domain".

    A malformed id is answered as an unknown one: NotFound.
    """
    name = f"{kind.lower()}_id"
    parameter = Path(
        alias=name,
        title=f"{kind} Id",
        description=f"The id of the {kind.lower()}.",
        json_schema_extra={"format": "uuid"},
    )

    async def path_id(text: Annotated[str, parameter]) -> UUID:
        return _parsed(text, kind)

    return Depends(path_id)


DomainIdDep = Annotated[UUID, _path_id("Domain")]
PageIdDep = Annotated[UUID, _path_id("Page")]
BatchIdDep = Annotated[UUID, _path_id("Batch")]
ChangeIdDep = Annotated[UUID, _path_id("Change")]
SnapshotIdDep = Annotated[UUID, _path_id("Snapshot")]
BacktestIdDep = Annotated[UUID, _path_id("Backtest")]
ChannelIdDep = Annotated[UUID, _path_id("Channel")]
AlertIdDep = Annotated[UUID, _path_id("Alert")]
FeedIdDep = Annotated[UUID, _path_id("Feed")]
DeliveryIdDep = Annotated[UUID, _path_id("Delivery")]
KeyIdDep = Annotated[UUID, _path_id("Key")]

JobIdPath = Annotated[str, Path(description="The id of the job, that of its Temporal workflow.")]


def _parsed(text: str, kind: str) -> UUID:
    """The UUID of `text`, which must be in the canonical form: `UUID` accepts several."""
    try:
        found = UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text.lower():
        raise NotFound(f"{kind} not found.")
    return found
