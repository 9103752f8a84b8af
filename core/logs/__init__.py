"""What a process writes about itself: one line an event, with nothing secret in it."""

import sys


def _load_structlog_without_rich() -> None:
    """Where rich is installed, structlog loads it for traces in colour, which no log here has:
    5 MiB of each process for as long as it runs.
    """
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # whoever imports it finds it missing
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]


_load_structlog_without_rich()
