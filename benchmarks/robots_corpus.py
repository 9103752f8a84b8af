"""Every real robots.txt of scrapy/protego, read: how many raise an error, and the slowest.

Run by hand: `.venv/bin/python benchmarks/robots_corpus.py FOLDER` where FOLDER is `tests/test_data`
of a checkout of github.com/scrapy/protego. The files are not in this repository.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from core.web.robots import PRODUCT_TOKEN, parse_robots

PATHS = ("/", "/search?q=x&page=2", "/%E3%83%84/a b", "/a/b/c.html")


def read(path: Path) -> tuple[bool, int, bool]:
    """Whether `/` is allowed, the sitemaps named, whether a delay is asked for."""
    robots = parse_robots(path.read_bytes())
    verdicts = [robots.allows(f"https://{path.name}{target}", PRODUCT_TOKEN) for target in PATHS]
    return verdicts[0], len(robots.sitemaps), robots.crawl_delay(PRODUCT_TOKEN) is not None


def measure(folder: Path) -> dict[str, object]:
    """The figures of all files of the folder."""
    errors: dict[str, str] = {}
    seconds: dict[str, float] = {}
    allowing = naming = delaying = 0
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        began = time.process_time()
        try:
            allows, sitemaps, delays = read(path)
        except Exception as error:
            errors[path.name] = repr(error)
            continue
        seconds[path.name] = time.process_time() - began
        allowing += allows
        naming += sitemaps > 0
        delaying += delays
    slowest = max(seconds, key=lambda name: seconds[name])
    return {
        "files": len(seconds) + len(errors),
        "errors": errors,
        "allowing_the_front_page": allowing,
        "naming_sitemaps": naming,
        "asking_for_a_delay": delaying,
        "mean_ms": round(1000 * sum(seconds.values()) / len(seconds), 2),
        "slowest": f"{slowest}, {1000 * seconds[slowest]:.0f} ms",
    }


def main() -> None:
    """Print the figures as JSON; exit 1 when a file raised an error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    if not folder.is_dir() or not any(folder.iterdir()):
        print(f"skipped: there is no folder {folder} with robots.txt files in it")
        return
    figures = measure(folder)
    print(json.dumps(figures, indent=2))
    sys.exit(1 if figures["errors"] else 0)


if __name__ == "__main__":
    main()
