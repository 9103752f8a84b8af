"""The end of a program that has used Temporal. Loads nothing of the SDK."""

import gc


def release() -> None:
    """Let go of clients and workers that are used no more, before the interpreter ends.

    What the SDK still holds then may crash it: of programs that connected and ended, every third
    did on a busy machine.
    """
    gc.collect()
