"""Spans of what a process does, for whoever follows a request through all processes.

Nothing is kept unless a tracer is installed, and no library of tracing is loaded then
(`temporal.tracing` installs one).
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum, auto
from typing import Any, Final, Protocol

Attributes = Mapping[str, str | int | float | bool]


class SpanKind(Enum):
    """The side of a call that a span shows."""

    SERVER = auto()
    CLIENT = auto()


class Span(Protocol):
    """One piece of work, from its begin to its end."""

    def rename(self, name: str) -> None:
        """Give it a name that was not known when it began."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes, or replace those of the same name."""

    def fail(self, error: str) -> None:
        """Mark it as failed with the code or the class `error`."""

    def end(self) -> None:
        """End it now. Only for a span of `begin`."""


class Tracer(Protocol):
    """Takes spans."""

    def span(
        self, name: str, kind: SpanKind, attributes: Attributes, carrier: Mapping[str, str]
    ) -> AbstractContextManager[Span]:
        """A span as long as the block; those that begin in the block are below it.

        It is below the one that `carrier` names by W3C Trace Context, else below the current one.
        """

    def begin(self, name: str, kind: SpanKind, attributes: Attributes) -> Span:
        """A span below the current one, until its `end`. It is not made the current one."""

    def ids(self) -> Mapping[str, str]:
        """`trace_id` and `span_id` of the current span, in hexadecimal; empty if there is none."""


class _NoSpan:
    """A span that nobody keeps."""

    def rename(self, name: str) -> None:
        pass

    def set(self, attributes: Attributes) -> None:
        pass

    def fail(self, error: str) -> None:
        pass

    def end(self) -> None:
        pass


NO_SPAN: Final = _NoSpan()
_NOTHING: Final = nullcontext(NO_SPAN)

_installed: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """Give all further spans of this process to `tracer`; None: to nobody."""
    global _installed
    _installed = tracer


def is_tracing() -> bool:
    """Whether somebody takes the spans of this process."""
    return _installed is not None


def span(
    name: str, kind: SpanKind, attributes: Attributes, carrier: Mapping[str, str] | None = None
) -> AbstractContextManager[Span]:
    """A span as long as the block, as `Tracer.span` has it."""
    if _installed is None:
        return _NOTHING
    return _installed.span(name, kind, attributes, carrier or {})


def begin_span(name: str, kind: SpanKind, attributes: Attributes) -> Span:
    """A span that the caller ends."""
    return NO_SPAN if _installed is None else _installed.begin(name, kind, attributes)


def trace_fields(_: Mapping[str, Any]) -> Mapping[str, str]:
    """The fields of a line of the log that is written within a span."""
    return {} if _installed is None else _installed.ids()
