"""The application: routes, middleware, documentation, services."""

from typing import Final

from fastapi import APIRouter, FastAPI, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from temporalio.client import Client

from api.deps import Authentication, Services
from api.documentation import DocumentedApi
from api.errors import NO_OTHER_ERRORS, ErrorAnswers, answer_fault, documented_errors
from api.limits import BodyLimit, HeadLimit
from api.routes import (
    backtests,
    batches,
    changes,
    domains,
    health,
    job_events,
    jobs,
    muting,
    pages,
    snapshots,
    watching,
)
from core.settings import Settings
from store.db.engine import Database
from store.outbox import DatabaseOutbox
from store.secretkey import SecretKey
from temporal.delivery import Delivery
from temporal.jobs.actions import JobActions
from temporal.jobs.messages import Launcher
from temporal.jobs.reader import JobReader
from temporal.jobs.watch import JobWatch

ROUTERS: Final = (
    domains.router,
    pages.router,
    muting.router,
    changes.router,
    snapshots.router,
    backtests.router,
    jobs.router,
    batches.router,
    job_events.router,
    watching.router,
)
"""The routers that require an API key."""


def _routes() -> list[BaseRoute]:
    router = APIRouter(
        responses={**documented_errors(408, 413, 429, 431, 500, 503), **NO_OTHER_ERRORS}
    )
    # For the OpenAPI document only: `Authentication` checks the key.
    bearer = Security(HTTPBearer(auto_error=False, description="An API key of `diffy keys`."))
    for each in ROUTERS:
        router.include_router(each, dependencies=[bearer], responses=documented_errors(401))
    router.include_router(health.router)
    return router.routes


ROUTES: Final = _routes()
"""All routes, shared by all applications: they hold no state, and FastAPI takes an eighth of a
second to build their handlers at the first request.
"""


def create_app(settings: Settings, client: Client, database: Database) -> FastAPI:
    """The API on `client` and `database`. The caller closes both."""
    app = DocumentedApi(
        title="Diffy Jobs",
        summary="Watches web sites for changes, as durable jobs whose state is always true.",
        version="1.0",
        redoc_url=None,
        redirect_slashes=False,
        routes=ROUTES,
        exception_handlers={HTTPException: answer_fault, RequestValidationError: answer_fault},
        middleware=[
            Middleware(ErrorAnswers),
            Middleware(HeadLimit),
            Middleware(Authentication),
            Middleware(BodyLimit),
        ],
    )
    reader = JobReader(client, database)
    app.state.services = Services(
        settings=settings,
        client=client,
        database=database,
        launcher=Launcher(settings.max_attempts),
        delivery=Delivery(client, DatabaseOutbox(database), settings.max_attempts),
        reader=reader,
        actions=JobActions(client, reader, database),
        watch=JobWatch(client, reader),
        secret_key=SecretKey(settings),
    )
    return app
