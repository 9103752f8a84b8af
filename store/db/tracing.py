"""Spans of the statements that a database executes."""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExceptionContext, ExecutionContext

from core.tracing import Span, SpanKind, begin_span

SYSTEMS = {"postgresql": "postgresql", "sqlite": "sqlite"}


def trace_statements(engine: Engine) -> None:
    """Begin a span with each statement of `engine`, and end it with its result.

    It has the statement with placeholders. Values are no part of it: they may be secret.
    """
    system = SYSTEMS[engine.dialect.name]

    def begin(
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: ExecutionContext | None,
        executemany: bool,
    ) -> None:
        operation = statement.split(maxsplit=1)[0].upper() if statement.strip() else "SQL"
        attributes = {
            "db.system.name": system,
            "db.operation.name": operation,
            "db.query.text": statement,
        }
        connection.info["diffy_span"] = begin_span(operation, SpanKind.CLIENT, attributes)

    def end(connection: Connection, *_: Any) -> None:
        span: Span | None = connection.info.pop("diffy_span", None)
        if span is not None:
            span.end()

    def fail(context: ExceptionContext) -> None:
        if context.connection is None:
            return
        span: Span | None = context.connection.info.pop("diffy_span", None)
        if span is not None:
            span.fail(type(context.original_exception).__name__)
            span.end()

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)
