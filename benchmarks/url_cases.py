"""The URL cases of the WHATWG URL standard, through `core.web.urls.normalise`.

Run by hand: `.venv/bin/python benchmarks/url_cases.py FOLDER` where FOLDER is `tests/wpt` of a
checkout of github.com/ada-url/ada (or `url/resources` of the web platform tests). The cases are not
in this repository. What a page's identity leaves out on purpose is left out of what is expected:
the fragment, an empty query; and what cannot be a page is expected to be refused: other schemes,
credentials, more than 2,000 characters.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from core.errors import InvalidAddress
from core.web.urls import MAX_URL_LENGTH, normalise

CASES = "urltestdata.json"
MOST_DIFFERING = 2


def expected(case: dict[str, Any]) -> str | None:
    """The identity of the page that the standard says is addressed; None for none."""
    if case.get("failure") or case["protocol"] not in ("http:", "https:"):
        return None
    if case["username"] or case["password"]:
        return None
    href = f"{case['protocol']}//{case['host']}{case['pathname']}{case['search']}"
    return href if len(href) <= MAX_URL_LENGTH else None


def given(case: dict[str, Any]) -> str | None:
    """What our function says."""
    try:
        return normalise(case["input"], case["base"])
    except InvalidAddress:
        return None


def measure(path: Path) -> dict[str, Any]:
    """The figures of all cases of a file, in which strings are comments."""
    cases = [
        each for each in json.loads(path.read_text(encoding="utf-8")) if isinstance(each, dict)
    ]
    differing = [
        {"input": case["input"], "base": case["base"], "expected": expected(case), "got": got}
        for case in cases
        if (got := given(case)) != expected(case)
    ]
    return {
        "cases": len(cases),
        "as_expected": len(cases) - len(differing),
        "pages": sum(expected(case) is not None for case in cases),
        "differing": differing,
    }


def main() -> None:
    """Print the figures as JSON; exit 1 when more than `MOST_DIFFERING` differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    path: Path = parser.parse_args().folder / CASES
    if not path.is_file():
        print(f"skipped: there is no file {path}")
        return
    figures = measure(path)
    print(json.dumps(figures, indent=2))
    sys.exit(0 if len(figures["differing"]) <= MOST_DIFFERING else 1)


if __name__ == "__main__":
    main()
