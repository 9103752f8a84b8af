"""Pages that a discovery finds of those that can be reached, on real sites.

Run by hand: `.venv/bin/python -m benchmarks.discovery [FOLDER ...]` where each FOLDER is the root
of a site (default: where Debian installs python3-doc, apache2-doc and debian-policy). What can be
reached is told by a plain walk with the parser of the standard library, which knows nothing of
robots, sitemaps, traps or scope. Missed and surplus pages are listed.
"""

import argparse
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urldefrag, urljoin

from benchmarks.python_docs import served
from benchmarks.system import Diffy, until

DEBIAN = (
    Path("/usr/share/doc/python3/html"),
    Path("/usr/share/doc/apache2-doc/manual"),
    Path("/usr/share/doc/debian-policy"),
)
SIGNS = "%/:?#[]@!$&'()*+,;=~"
DROPPED = dict.fromkeys(map(ord, "\t\r\n"))
"""As browsers read an address: without these, what else is no sign of URLs percent-encoded."""

EVERYTHING = {"maxPages": 50_000, "maxDepth": 20}


class Links(HTMLParser):
    """The targets of the links of a page; `moves` where it sends its visitors on by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.moves = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the `href` of an `a` or `area`, and the target of a `meta` refresh."""
        values = {name: value or "" for name, value in attrs}
        if tag in ("a", "area") and "href" in values:
            self.found.append(values["href"])
        elif tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self.moves = True
            self.found.append(values.get("content", "").partition("=")[2])


def reachable(origin: str) -> set[str]:
    """Every HTML page that links lead to from the front page, within the origin."""
    pages: set[str] = set()
    seen = {f"{origin}/"}
    waiting = deque(seen)
    while waiting:
        try:
            with urllib.request.urlopen(waiting.popleft()) as answer:
                url = answer.url
                if answer.headers.get_content_type() != "text/html":
                    continue
                links = Links()
                links.feed(answer.read().decode("utf-8", errors="replace"))
        except urllib.error.HTTPError:
            continue
        if not links.moves:
            pages.add(url)
        for href in links.found:
            target = urldefrag(urljoin(url, quote(href.translate(DROPPED).strip(), safe=SIGNS))).url
            if target.startswith(f"{origin}/") and target not in seen:
                seen.add(target)
                waiting.append(target)
    return pages


def discovered(diffy: Diffy, origin: str) -> tuple[set[str], Any, float]:
    """The pages of a discovery, its return value, and its seconds."""
    domain = diffy.post("/api/domains", {"domain": origin})
    until(lambda: diffy.get(f"/api/jobs/{domain['discoveryJobId']}"), lambda job: job["finishedAt"])
    began = time.monotonic()
    job_id = diffy.post(f"/api/domains/{domain['id']}/discover", EVERYTHING)["jobId"]
    job = until(lambda: diffy.get(f"/api/jobs/{job_id}"), lambda job: job["finishedAt"])
    seconds = round(time.monotonic() - began, 1)
    pages: set[str] = set()
    number = 0
    while page := diffy.get(f"/api/domains/{domain['id']}/pages?limit=100&page={number + 1}"):
        pages |= {row["url"] for row in page}
        number += 1
    return pages, job["returnValue"] or job["failedReason"], seconds


def measure(diffy: Diffy, folder: Path) -> dict[str, object]:
    """The figures of one site."""
    with served(folder) as origin:
        wanted = {url.removeprefix(origin) for url in reachable(origin)}
        pages, value, seconds = discovered(diffy, origin)
        found = {url.removeprefix(origin) for url in pages}
    return {
        "folder": str(folder),
        "reachable": len(wanted),
        "found": len(found & wanted),
        "missed": sorted(wanted - found),
        "surplus": sorted(found - wanted),
        "seconds": seconds,
        "return_value": value,
    }


def main() -> None:
    """Print the figures of each site as JSON; exit 1 when a page was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=DEBIAN)
    missed = False
    with tempfile.TemporaryDirectory() as scratch:
        diffy = Diffy(Path(scratch))
        try:
            until(diffy.healthy, bool)
            for folder in parser.parse_args().folders:
                if not folder.is_dir():
                    print(f"skipped: there is no folder {folder}")
                    continue
                figures = measure(diffy, folder)
                print(json.dumps(figures, indent=2), flush=True)
                missed = missed or bool(figures["missed"])
        finally:
            diffy.stop()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
