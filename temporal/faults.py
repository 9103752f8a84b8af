"""Temporal's faults as ours."""

from temporalio.service import RPCError, RPCStatusCode

from core.errors import DiffyError, Unavailable

AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.UNKNOWN,  # the connection broke off in the middle of the call
    }
)


class TemporalFault(DiffyError):
    """Temporal refused a request that we should not have made."""


def as_unavailable(error: RPCError) -> DiffyError:
    """`error` as Unavailable when Temporal is away or overloaded, as a fault of ours otherwise."""
    if error.status in AWAY:
        return away()
    return TemporalFault(f"Temporal refused the request ({error.status.name}).")


def away() -> Unavailable:
    """Temporal does not answer."""
    return Unavailable("Temporal cannot be reached now; try again in a few seconds.")
