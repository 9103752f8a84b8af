"""Health checks for load balancers, supervisors and monitoring."""

import asyncio
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Response

from api.deps import ClientDep, DatabaseDep, ReadinessDep
from api.errors import RETRY_AFTER, documented_errors
from core.errors import Unavailable
from core.health import Part, Status, failures
from core.model import Model

HEALTH_TIMEOUT: Final = timedelta(seconds=3)
"""For the answers of Temporal and the database."""

NO_STORE: Final = {"Cache-Control": "no-store"}

router = APIRouter(tags=["health"])


class HealthAnswer(Model):
    """All is well, as far as was asked."""

    status: Literal["ok"] = "ok"


class CheckAnswer(Model):
    """The verdict on one part of the system."""

    name: Part
    status: Status
    detail: str


class ReadyAnswer(Model):
    """Every part of the system works."""

    status: Literal["ok"] = "ok"
    checks: list[CheckAnswer]


class NotReadyAnswer(Model):
    """Some part of the system does not work: the shape of every error, and the verdicts."""

    error: str
    code: str
    checks: list[CheckAnswer]


@router.get("/health")
async def get(client: ClientDep, database: DatabaseDep) -> HealthAnswer:
    """Whether Temporal and the database can be reached."""
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT.total_seconds()):
            await database.ping()
            serving = await client.service_client.check_health(timeout=HEALTH_TIMEOUT)
    except TimeoutError:
        raise Unavailable("Temporal or the database does not answer in time.") from None
    if not serving:
        raise Unavailable("Temporal does not serve requests now.")
    return HealthAnswer()


@router.get("/healthz")
async def healthz(response: Response) -> HealthAnswer:
    """Whether this process answers. It asks nothing else."""
    response.headers.update(NO_STORE)
    return HealthAnswer()


@router.get(
    "/readyz",
    responses={
        **documented_errors(400),
        503: {"model": NotReadyAnswer, "description": "Some part does not work."},
    },
    response_model=ReadyAnswer,
)
async def readyz(
    readiness: ReadinessDep,
    response: Response,
    exclude: Annotated[
        list[Part] | None,
        Query(max_length=len(Part), description="Parts whose failure does not count."),
    ] = None,
) -> ReadyAnswer | Response:
    """Whether every part of the system works. The verdicts are at most two seconds old."""
    verdicts = [
        each for each in await readiness.verdicts() if exclude is None or each.part not in exclude
    ]
    checks = [
        CheckAnswer(name=each.part, status=each.status, detail=each.detail) for each in verdicts
    ]
    response.headers.update(NO_STORE)
    bad = failures(verdicts)
    if not bad:
        return ReadyAnswer(checks=checks)
    answer = NotReadyAnswer(
        error=f"Not ready: {', '.join(bad)}.", code=Unavailable.code, checks=checks
    )
    return Response(
        answer.model_dump_json(by_alias=True),
        Unavailable.http_status,
        {**NO_STORE, "Retry-After": str(RETRY_AFTER)},
        "application/json",
    )
