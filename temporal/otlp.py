"""A tracer that exports by OTLP over HTTP. Loaded only if a collector is set."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes as OtelAttributes

from core.logs.redaction import Redactor
from core.tracing import Attributes, Span, SpanKind

EXPORT_TIMEOUT: Final = 5.0
"""Seconds within which the collector must take a batch of spans. A process that stops waits for
one that does not at most twice.
"""

KINDS: Final = {SpanKind.SERVER: trace.SpanKind.SERVER, SpanKind.CLIENT: trace.SpanKind.CLIENT}

PROPAGATOR: Final = TraceContextTextMapPropagator()


class OtlpTracer:
    """Sends spans to the collector at `endpoint`, without the secrets that `redactor` hides.

    The variables of OpenTelemetry choose the sampler (`OTEL_TRACES_SAMPLER`), headers
    (`OTEL_EXPORTER_OTLP_HEADERS`) and the name of the service (`OTEL_SERVICE_NAME`).
    """

    def __init__(self, endpoint: str, process: str, redactor: Redactor) -> None:
        named = Resource({"service.name": f"diffy-{process}"})
        self._exporter = _WithoutSecrets(
            OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT), redactor
        )
        self._provider = TracerProvider(
            resource=named.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self.tracer = self._provider.get_tracer("diffy")

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, attributes: Attributes, carrier: Mapping[str, str]
    ) -> Iterator[Span]:
        """As `core.tracing.Tracer` has it. A block that raises is a failed span."""
        above = PROPAGATOR.extract(carrier) if carrier else None
        with self.tracer.start_as_current_span(
            name, above, KINDS[kind], dict(attributes), record_exception=False
        ) as begun:
            yield _Span(begun)

    def begin(self, name: str, kind: SpanKind, attributes: Attributes) -> Span:
        """As `core.tracing.Tracer` has it."""
        return _Span(self.tracer.start_span(name, None, KINDS[kind], dict(attributes)))

    def ids(self) -> Mapping[str, str]:
        """As `core.tracing.Tracer` has it."""
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(context.trace_id),
            "span_id": trace.format_span_id(context.span_id),
        }

    def close(self) -> None:
        """Send the last spans. Gives up if the collector does not answer."""
        self._exporter.closing = True
        self._provider.shutdown()


class _Span:
    """A span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(dict(attributes))

    def fail(self, error: str) -> None:
        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self._span.end()


class _WithoutSecrets(SpanExporter):
    """Exports spans whose texts hold no secret: attributes, exceptions, descriptions of errors."""

    def __init__(self, exporter: SpanExporter, redactor: Redactor) -> None:
        self._exporter = exporter
        self._redactor = redactor
        self._failed = False
        self.closing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans."""
        if self.closing and self._failed:
            return SpanExportResult.FAILURE
        result = self._exporter.export([self._without_secrets(each) for each in spans])
        self._failed = result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self) -> None:
        """Close the connections."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the exporter has sent what it holds."""
        return self._exporter.force_flush(timeout_millis)

    def _without_secrets(self, span: ReadableSpan) -> ReadableSpan:
        text = span.status.description
        return ReadableSpan(
            name=self._redactor.text(span.name),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=self._attributes(span.attributes),
            events=[
                Event(each.name, self._attributes(each.attributes), each.timestamp)
                for each in span.events
            ],
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code, text and self._redactor.text(text)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _attributes(self, attributes: OtelAttributes) -> OtelAttributes:
        return {
            name: self._redactor.text(value) if isinstance(value, str) else value
            for name, value in (attributes or {}).items()
        }
