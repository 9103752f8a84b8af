"""Sends the spans of a process to a collector, if one is set."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core import tracing as spans
from core.logs.redaction import Redactor
from core.logs.service import known_secrets
from core.settings import Settings

if TYPE_CHECKING:
    from temporalio.contrib.opentelemetry import TracingInterceptor

_interceptors: "list[TracingInterceptor]" = []

log = logging.getLogger(__name__)


@contextmanager
def tracing(settings: Settings, process: str) -> Iterator[None]:
    """Send the spans of this process to the collector of the settings, for the length of the block.

    Does nothing, and loads nothing, if none is set. Without the extra `tracing` it logs a warning:
    the variable may be meant for other programs of the machine. Enter it before Temporal and the
    database are connected.
    """
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        yield
        return
    try:
        from temporalio.contrib.opentelemetry import TracingInterceptor

        from temporal.otlp import OtlpTracer
    except ImportError as error:
        log.warning("nothing is traced: pip install 'diffy-jobs[tracing]' (%s)", error)
        yield
        return
    tracer = OtlpTracer(endpoint, process, Redactor(known_secrets(settings)))
    spans.install(tracer)
    _interceptors.append(TracingInterceptor(tracer.tracer))
    try:
        yield
    finally:
        _interceptors.clear()
        spans.install(None)
        tracer.close()


def tracing_interceptors() -> "Sequence[TracingInterceptor]":
    """The interceptors of new clients of Temporal; none if nothing is traced.

    They carry the trace in headers of workflows and activities, and add no command to a history.
    """
    return tuple(_interceptors)
