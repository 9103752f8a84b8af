"""The log of a process that serves: the worker, the API, `diffy up`."""

import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO

from core.errors import DiffyError, SettingsError
from core.logs.lines import AddFields, formatter
from core.logs.redaction import Redactor, passwords_in
from core.settings import SECRET_URLS, SECRETS, LogFormat, Settings

OWN: Final = ("activities", "api", "cli", "core", "store", "temporal", "worker", "workflows")
"""Loggers at the level of the settings."""

NEIGHBOURS: Final = ("temporalio", "uvicorn")
"""Loggers of servers within the process, of which `info` is the most: their `debug` has contents of
requests.
"""

OTHERS: Final = logging.WARNING
"""The most that other packages log. At lower levels HTTP clients log headers, and SQLAlchemy the
values of statements.
"""

log = logging.getLogger(__name__)


def known_secrets(settings: Settings) -> set[str]:
    """The secrets in the settings, as they could appear in a line."""
    secrets: set[str] = set()
    for name in SECRETS:
        value = getattr(settings, name) or ""
        secrets |= passwords_in(value) if name in SECRET_URLS else {value}
    return secrets - {""}


@contextmanager
def service_log(
    settings: Settings,
    process: str,
    added: Sequence[AddFields] = (),
    stream: TextIO | None = None,
) -> Iterator[None]:
    """Write the log to `stream`, standard error by default, for the length of the block.

    As JSON, every line is an object also when the block fails: a DiffyError becomes a line and the
    SystemExit of `exit_code`, any other exception one with its trace. As text a DiffyError passes
    through.
    """
    stream = stream or sys.stderr
    form = settings.log_format or (LogFormat.TEXT if stream.isatty() else LogFormat.JSON)
    redactor = Redactor(known_secrets(settings))
    handler = _Handler(stream)
    handler.setFormatter(formatter(form, process, redactor, added))
    with _installed(handler, logging.getLevelNamesMapping()[settings.log_level.upper()]):
        try:
            yield
        except DiffyError as error:
            if form is LogFormat.TEXT:
                raise
            log.error("%s", error.message)
            sys.exit(exit_code(error))
        except Exception:
            log.critical("the process ends by a fault", exc_info=True)
            sys.exit(1)


def exit_code(error: DiffyError) -> int:
    """The exit code of a command that ends with `error`."""
    return 2 if isinstance(error, SettingsError) else 1


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines. Of one that cannot be formatted it tells no more than where it came from."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Write that a line is missing; without a stream, nothing."""
        missing = logging.LogRecord(
            record.name, record.levelno, "", 0, "a line cannot be formatted", None, None
        )
        with suppress(Exception):
            self.stream.write(self.format(missing) + self.terminator)
            self.flush()


@contextmanager
def _installed(handler: logging.Handler, level: int) -> Iterator[None]:
    """Send every line to `handler`, also warnings and what no code has caught."""
    root = logging.getLogger()
    levels = {
        "": max(level, OTHERS),
        **dict.fromkeys(NEIGHBOURS, max(level, logging.INFO)),
        **dict.fromkeys(OWN, level),
    }
    before = {name: logging.getLogger(name).level for name in levels}
    # That of `logging.basicConfig`, which commands log with.
    plain = [each for each in root.handlers if type(each) is logging.StreamHandler]
    hooks = threading.excepthook, sys.unraisablehook
    for name, each in levels.items():
        logging.getLogger(name).setLevel(each)
    root.addHandler(handler)
    for each_handler in plain:
        root.removeHandler(each_handler)
    logging.captureWarnings(True)
    threading.excepthook = _log_thread
    sys.unraisablehook = _log_unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(False)
        root.removeHandler(handler)
        for each_handler in plain:
            root.addHandler(each_handler)
        for name, each in before.items():
            logging.getLogger(name).setLevel(each)


def _log_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        log.error("a thread ends by a fault", exc_info=ended.exc_value)


def _log_unraisable(fault: Any) -> None:
    log.error("a fault where none can be raised", exc_info=fault.exc_value)
