"""Temporal's faults as ours."""

from temporalio.service import RPCError, RPCStatusCode

from core.errors import DiffyError, RateLimited, Unavailable

AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.UNKNOWN,  # the connection broke off in the middle of the call
    }
)


class TemporalFault(DiffyError):
    """Temporal refused a request that we should not have made."""


def as_unavailable(error: RPCError) -> DiffyError:
    """`error` as Unavailable when Temporal is away, as RateLimited when it takes no more requests
    for now, as a fault of ours otherwise.
    """
    if error.status in AWAY:
        return away()
    if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
        return RateLimited("Too many requests at once; try again in a few seconds.")
    return TemporalFault(f"Temporal refused the request ({error.status.name}).")


def away() -> Unavailable:
    """Temporal does not answer."""
    return Unavailable("Temporal cannot be reached now; try again in a few seconds.")
