"""The lines of a process that serves, as JSON and as text."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from typing import Any

import pytest

from core.errors import SettingsError, Unavailable
from core.logs.context import logging_about, own_log_fields
from core.logs.service import service_log
from core.settings import LogFormat, LogLevel, Settings

log = logging.getLogger("store.anything")
KEY = "bootstrap-0123456789"


class Terminal(io.StringIO):
    """What a process takes for a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


class Unspeakable:
    """What cannot be written."""

    def __str__(self) -> str:
        """Fails."""
        raise ValueError(KEY)


def settings(form: LogFormat | None, level: LogLevel = LogLevel.WARNING) -> Settings:
    """Settings with that log."""
    return Settings(log_format=form, log_level=level, bootstrap_api_key=KEY)


def fail(what: str) -> None:
    """Raise a fault with that text."""
    raise ValueError(what)


def objects(written: str) -> list[dict[str, Any]]:
    """The object of each line."""
    return [json.loads(line) for line in written.splitlines()]


def test_json_has_one_object_a_line_with_its_process_and_trace() -> None:
    stream = io.StringIO()
    with service_log(settings(LogFormat.JSON), "worker", stream=stream):
        log.warning("two\nlines of %s", "a site")
        try:
            fail("with\nlines")
        except ValueError:
            log.exception("it failed")
    first, second = objects(stream.getvalue())
    assert list(first) == ["timestamp", "level", "process", "logger", "event"]
    assert first["timestamp"].endswith("Z")
    assert first["event"] == "two\nlines of a site"
    assert (first["level"], first["process"], first["logger"]) == (
        "warning",
        "worker",
        "store.anything",
    )
    assert second["exception"].startswith("Traceback (most recent call last):\n")
    assert "ValueError: with\nlines" in second["exception"]


def test_text_has_one_line_an_event_and_traces_as_python_prints_them() -> None:
    stream = io.StringIO()
    with service_log(settings(LogFormat.TEXT), "worker", stream=stream):
        log.warning("forged\n2026-01-01 ERROR \x1b[31m\u202e")
        with own_log_fields(request_id="r-1"):
            log.warning("answered", extra={"status": 200, "path": "/a b"})
        try:
            fail("x")
        except ValueError:
            log.exception("it failed")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith(
        " WARNING worker store.anything: forged\\n2026-01-01 ERROR \\x1b[31m\\u202e"
    )
    assert lines[1].endswith(' answered path="/a b" request_id=r-1 status=200')
    assert lines[3] == "Traceback (most recent call last):"
    assert lines[-1] == " ValueError: x"


@pytest.mark.parametrize("form", list(LogFormat))
def test_nothing_secret_is_in_event_fields_or_trace(form: LogFormat) -> None:
    stream = io.StringIO()
    with service_log(settings(form), "api", stream=stream):
        log.warning("a message with %s", KEY, extra={"path": f"/x/{KEY}"})
        try:
            fail(f"https://user:hunter2@site.example {KEY}")
        except ValueError:
            log.exception("it failed")
    assert KEY not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
    assert "user" not in stream.getvalue()


def test_the_default_is_text_on_a_terminal_and_json_elsewhere() -> None:
    for stream, begin in ((Terminal(), "2"), (io.StringIO(), "{")):
        with service_log(settings(None), "api", stream=stream):
            log.warning("x")
        assert stream.getvalue()[0] == begin


def test_the_level_is_for_our_own_loggers_and_others_tell_less() -> None:
    stream = io.StringIO()
    with service_log(settings(LogFormat.JSON, LogLevel.DEBUG), "api", stream=stream):
        for name in ("store.x", "uvicorn.error", "temporalio.worker", "httpcore2", "sqlalchemy"):
            for level in (logging.DEBUG, logging.INFO, logging.WARNING):
                logging.getLogger(name).log(level, "x")
    written = [(each["logger"], each["level"]) for each in objects(stream.getvalue())]
    assert written == [
        ("store.x", "debug"),
        ("store.x", "info"),
        ("store.x", "warning"),
        ("uvicorn.error", "info"),
        ("uvicorn.error", "warning"),
        ("temporalio.worker", "info"),
        ("temporalio.worker", "warning"),
        ("httpcore2", "warning"),
        ("sqlalchemy", "warning"),
    ]


def test_the_log_is_as_before_after_the_block() -> None:
    before = (logging.getLogger().handlers[:], log.getEffectiveLevel(), sys.unraisablehook)
    stream = io.StringIO()
    with service_log(settings(LogFormat.JSON, LogLevel.DEBUG), "api", stream=stream):
        pass
    log.warning("x")
    assert stream.getvalue() == ""
    after = (logging.getLogger().handlers[:], log.getEffectiveLevel(), sys.unraisablehook)
    assert after == before


def test_warnings_and_faults_of_threads_are_lines_too() -> None:
    stream = io.StringIO()
    with service_log(settings(LogFormat.JSON), "api", stream=stream):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(False)
            logging.captureWarnings(True)
            warnings.warn("old", DeprecationWarning, stacklevel=1)
        thread = threading.Thread(target=fail, args=("in a thread",))
        thread.start()
        thread.join()
    warned, failed = objects(stream.getvalue())
    assert "DeprecationWarning: old" in warned["event"]
    assert "ValueError: in a thread" in failed["exception"]


def test_a_line_that_cannot_be_formatted_says_where_it_came_from_and_no_more() -> None:
    stream = io.StringIO()
    with service_log(settings(LogFormat.JSON), "api", stream=stream):
        log.warning("x", extra={"path": Unspeakable()})
    [line] = objects(stream.getvalue())
    assert line["logger"] == "store.anything"
    assert KEY not in stream.getvalue()


@pytest.mark.parametrize(("error", "code"), [(SettingsError("bad"), 2), (Unavailable("away"), 1)])
def test_an_error_that_ends_the_process_is_a_line_of_json(error: Exception, code: int) -> None:
    stream = io.StringIO()
    with (
        pytest.raises(SystemExit) as ended,
        service_log(settings(LogFormat.JSON), "api", stream=stream),
    ):
        raise error
    assert ended.value.code == code
    assert [each["event"] for each in objects(stream.getvalue())] == [str(error)]


def test_an_error_that_ends_the_process_is_told_by_the_command_as_text() -> None:
    stream = io.StringIO()
    with pytest.raises(Unavailable), service_log(settings(LogFormat.TEXT), "x", stream=stream):
        raise Unavailable("away")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("form", list(LogFormat))
def test_a_fault_that_ends_the_process_is_logged_with_its_trace(form: LogFormat) -> None:
    stream = io.StringIO()
    with pytest.raises(SystemExit) as ended, service_log(settings(form), "x", stream=stream):
        fail(KEY)
    assert ended.value.code == 1
    assert "Traceback" in stream.getvalue()
    assert KEY not in stream.getvalue()


async def test_fields_of_one_task_are_not_those_of_another() -> None:
    stream = io.StringIO()
    met = asyncio.Barrier(2)

    async def work(name: str) -> None:
        with own_log_fields(request_id=name):
            logging_about()
            await met.wait()
            log.warning(name)

    with service_log(settings(LogFormat.JSON), "api", stream=stream):
        await asyncio.gather(work("a"), work("b"))
        log.warning("none")
    found = {each["event"]: each.get("request_id") for each in objects(stream.getvalue())}
    assert found == {"a": "a", "b": "b", "none": None}
