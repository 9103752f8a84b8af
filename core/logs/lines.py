"""The form of a line of the log: an event with its fields, as JSON or as text."""

import json
import logging
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer, StackInfoRenderer, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import Processor

from core.logs.redaction import Redactor
from core.settings import LogFormat

Event = MutableMapping[str, Any]
AddFields = Callable[[Mapping[str, Any]], Mapping[str, object]]
"""Gives further fields of the event whose line is logged now, by the attributes of its record."""

FIELDS: Final = ("method", "route", "path", "status", "milliseconds", "outcome")
"""What a call of `logging` may add to its line with `extra`."""

FIRST: Final = ("timestamp", "level", "process", "logger", "event")
"""The fields of every line, in their order."""

TRACES: Final = ("exception", "stack")
"""Fields of several lines. As text they follow the line; each begins as Python prints it."""


def formatter(
    form: LogFormat, process: str, redactor: Redactor, added: Sequence[AddFields] = ()
) -> logging.Formatter:
    """The formatter of the lines of the process with the name `process`."""

    def add_fields(_: object, __: str, event: Event) -> Event:
        record: logging.LogRecord = event["_record"]
        at = datetime.fromtimestamp(record.created, UTC)
        event["timestamp"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event["process"] = process
        for add in added:
            for name, each in add(vars(record)).items():
                event.setdefault(name, each)
        return event

    def in_order(_: object, __: str, event: Event) -> Event:
        known = [name for name in FIRST if name in event]
        return {name: event[name] for name in (*known, *sorted(event.keys() - {*FIRST}))}

    def without_secrets(_: object, __: str, event: Event) -> Event:
        return {name: redactor.value(name, each) for name, each in event.items()}

    render: Processor = JSONRenderer() if form is LogFormat.JSON else _as_text
    return ProcessorFormatter(
        foreign_pre_chain=[
            merge_contextvars,
            add_logger_name,
            add_log_level,
            ExtraAdder(FIELDS),
            add_fields,
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            StackInfoRenderer(),
            format_exc_info,
            in_order,
            without_secrets,
            render,
        ],
    )


def _as_text(_: object, __: str, event: Event) -> str:
    """`TIMESTAMP LEVEL process logger: event field=value`, with traces on lines of their own."""
    fields = [
        f" {name}={_word(value)}"
        for name, value in event.items()
        if name not in FIRST and name not in TRACES
    ]
    head = f"{event['timestamp']} {event['level'].upper()} {event['process']} {event['logger']}: "
    traces = [f"\n{_indented(event[name])}" for name in TRACES if name in event]
    return "".join((head, _printable(str(event["event"])), *fields, *traces))


def _word(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if text.isprintable() and text and not {*" ='\""} & {*text} else json.dumps(text)


def _indented(text: str) -> str:
    """`text` in its own lines, all but the first of which begin with a space: none is like a line
    of the log.
    """
    return "\n ".join(map(_printable, text.split("\n")))


def _printable(text: str) -> str:
    """`text` in one line, without marks that control a terminal or the direction of writing."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
