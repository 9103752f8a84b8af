"""What is loaded at the start is left alone by the garbage collector."""

import subprocess
import sys

SCRIPT = """
import gc
from cli.loading import loading_code
gc.collect()
before = len(gc.get_objects())
with loading_code():
    assert not gc.isenabled()
    import sqlite3, email.message, http.server
assert gc.isenabled()
assert gc.get_freeze_count() > before, gc.get_freeze_count()
assert len(gc.get_objects()) < before / 10, len(gc.get_objects())
"""


def test_what_is_loaded_is_visited_by_no_collection() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
