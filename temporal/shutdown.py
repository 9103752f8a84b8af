"""Clean-up at the end of a program that used Temporal. Does not import the SDK."""

import gc


def release() -> None:
    """Collect unused clients and workers before the interpreter ends.

    The SDK may crash the interpreter if they still exist then: every third program that connected
    and ended crashed on a busy machine.
    """
    gc.collect()
