"""`diffy demo`, once from start to end, and stopped in the middle."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from cli.client.demo_shop import NEW_PRICE, OLD_PRICE, PRICING, raise_price, served_shop, write_shop
from tests.cli.command import ROOT, environment
from tests.eventually import HANG
from tests.processes import processes_of


@contextmanager
def killed_at_last(process: subprocess.Popen[str]) -> Iterator[None]:
    """A process that runs at the end of the block has not done what it should."""
    try:
        yield
    finally:
        process.kill()


def test_the_demo_shows_everything_stays_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # A server of the user's own is none of the demo's.
    settings = environment(tmp_path, TEMPORAL_ADDRESS="127.0.0.1:1", DIFFY_HOST_RPS="many")
    with (
        subprocess.Popen(
            [sys.executable, "-m", "cli.main", "demo", "--stay"],
            cwd=ROOT,
            env={**settings, "TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as demo,
        killed_at_last(demo),
    ):
        assert demo.stdout is not None
        assert demo.stderr is not None
        shown = ""
        for line in demo.stdout:
            shown += line
            if line.startswith("Ctrl-C"):
                break
        assert "Price of Team changed from $29 to $35." in shown, shown + demo.stderr.read()
        assert "- Team costs [-$29-] a month, for twenty people." in shown
        assert "The discovery found 4 pages." in shown
        assert shown.count("4 pages checked.") == 2
        found = re.search(r"export DIFFY_URL=(\S+) DIFFY_API_KEY=(\S+)", shown)
        assert found
        answer = httpx2.get(
            f"{found[1]}/api/changes", headers={"Authorization": f"Bearer {found[2]}"}
        )
        assert answer.json()["meta"]["total"] == 1
        [folder] = tmp_path.iterdir()
        data = folder / "data"
        assert any("start-dev" in command for command in processes_of(data).values())
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=HANG)
    assert demo.returncode == 0, errors
    assert "Traceback" not in errors
    assert processes_of(data) == {}
    assert list(tmp_path.iterdir()) == []


def test_the_shop_serves_its_pages_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    write_shop(folder)
    (tmp_path / "secret.html").write_text("secret")
    with served_shop(folder) as origin, httpx2.Client(base_url=origin, trust_env=False) as client:
        first = client.get(f"/{PRICING}")
        assert OLD_PRICE in first.text
        again = {"If-None-Match": first.headers["ETag"]}
        assert client.get(f"/{PRICING}", headers=again).status_code == 304
        raise_price(folder)
        assert NEW_PRICE in client.get(f"/{PRICING}", headers=again).text
        for path in ("/../secret.html", "/%2e%2e/secret.html", "/nothing.html", "/robots.txt"):
            assert client.get(path).status_code == 404
