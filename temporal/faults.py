"""Translates the errors of Temporal's client."""

from temporalio.service import RPCError, RPCStatusCode

from core.errors import DiffyError, RateLimited, Unavailable

UNREACHABLE = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.UNKNOWN,  # the connection broke during the call
    }
)


class TemporalFault(DiffyError):
    """Temporal refused a request: a fault of this project."""


def as_unavailable(error: RPCError) -> DiffyError:
    """Unavailable if Temporal is unreachable, RateLimited if it throttles, else TemporalFault."""
    if error.status in UNREACHABLE:
        return away()
    if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
        return RateLimited("Too many requests at once; try again in a few seconds.")
    return TemporalFault(f"Temporal refused the request ({error.status.name}).")


def away() -> Unavailable:
    """The error for a Temporal server that does not answer."""
    return Unavailable("Temporal cannot be reached now; try again in a few seconds.")
