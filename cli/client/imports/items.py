"""A page to import: the body of the REST API, and what of it could not be carried over."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cli.client.api import Row
from cli.client.errors import BadUsage
from core.tags import MAX_TAG_LENGTH, MAX_TAGS, normalised_tags
from core.web.urls import MAX_URL_LENGTH

MAX_FILE_SIZE: Final = 50 * 2**20
"""Bytes of a file that is read as a whole, and of what is unpacked of an archive."""

MAX_ITEMS: Final = 100_000
"""Pages of one file."""

MIN_MINUTES: Final = 5
MAX_MINUTES: Final = 8760 * 60

_LINES: Final = str.maketrans("\t\n\f\r", "    ")
"""White space between the parts of a selector, which has one line here."""


class BadFile(BadUsage):
    """The file cannot be read as what it seems to be, or is larger than what is read."""


@dataclass
class Item:
    """A page of a file. `left_out` has a sentence for each thing that Diffy does not have."""

    url: str
    tags: list[str] = field(default_factory=list)
    minutes: int | None = None
    watch: list[str] = field(default_factory=list)
    ignore: list[str] = field(default_factory=list)
    settings: Row = field(default_factory=dict)
    fields: Row = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def interval(self, seconds: float) -> None:
        """Check it every so many seconds, as nearly as Diffy does."""
        if not math.isfinite(seconds):
            self.left_out.append("its interval, which is no number")
            return
        minutes = round(seconds / 60)
        self.minutes = max(MIN_MINUTES, min(minutes, MAX_MINUTES))
        if self.minutes != minutes:
            self.left_out.append(f"it is checked every {self.minutes} minutes, not {minutes:.12g}")

    def watch_json(self, selector: str) -> None:
        """Watch what a JSON path selects; `selector` has `json:` before it."""
        from pydantic_core import PydanticCustomError

        from core.web.json_paths import check_json_path

        path = selector.removeprefix("json:").strip()
        try:
            self.settings["watchJsonPath"] = check_json_path(_printable(path))
        except PydanticCustomError as error:
            self.left_out.append(f"the selector {selector[:100]!r}: {error.message()}")

    def ignore_lines_with(self, text: str) -> None:
        """Do not tell of lines that have the text in them; it has no wildcards."""
        from pydantic_core import PydanticCustomError

        from core.changes.ignoring import (
            MAX_TEXT_PATTERN_LENGTH,
            MAX_TEXT_PATTERNS,
            any_text_around,
            check_text_pattern,
        )

        patterns: list[str] = self.settings.get("ignoreText", [])
        try:
            pattern = check_text_pattern(_printable(any_text_around(text)))
        except PydanticCustomError as error:
            self.left_out.append(f"the ignored text {text[:100]!r}: {error.message()}")
            return
        if len(pattern) > MAX_TEXT_PATTERN_LENGTH:
            reason = f"it has more than {MAX_TEXT_PATTERN_LENGTH} characters"
        elif len(patterns) >= MAX_TEXT_PATTERNS and pattern not in patterns:
            reason = f"a page ignores {MAX_TEXT_PATTERNS} texts at most"
        else:
            self.settings["ignoreText"] = list(dict.fromkeys([*patterns, pattern]))
            return
        self.left_out.append(f"the ignored text {text[:100]!r}: {reason}")

    @property
    def body(self) -> Row | None:
        """The page as the REST API takes it; None if that takes no such URL."""
        from core.web.selectors import MAX_IGNORE_SELECTORS, MAX_SELECTOR_LENGTH

        url = self.url.strip()
        if not 0 < len(url) <= MAX_URL_LENGTH or not url.isprintable():
            return None
        settings = dict(self.settings)
        watch = ", ".join(self._supported(self.watch))
        if len(watch) > MAX_SELECTOR_LENGTH:
            self.left_out.append(
                f"its selectors are longer than {MAX_SELECTOR_LENGTH} characters together"
            )
        elif watch:
            settings["watchSelector"] = watch
        ignore = self._supported(self.ignore)
        if ignore:
            settings["ignoreSelectors"] = ignore[:MAX_IGNORE_SELECTORS]
        if further := ", ".join(map(repr, ignore[MAX_IGNORE_SELECTORS:])):
            self.left_out.append(
                f"a page ignores {MAX_IGNORE_SELECTORS} selectors at most, so not {further[:500]}"
            )
        body: Row = {"url": url, **self.fields}
        tags = [tag for tag in normalised_tags(self.tags) if 0 < len(tag) <= MAX_TAG_LENGTH]
        tags = [tag for tag in tags if tag.isprintable()]
        if len(tags[:MAX_TAGS]) < len(set(self.tags)):
            self.left_out.append("not all of its tags can be tags here")
        if tags:
            body["tags"] = tags[:MAX_TAGS]
        if self.minutes is not None:
            body["schedule"] = {"everyMinutes": self.minutes}
        return {**body, "crawlSettings": settings} if settings else body

    def _supported(self, selectors: Sequence[str]) -> list[str]:
        """Those selectors that Diffy has."""
        from pydantic_core import PydanticCustomError

        from core.web.selectors import check_selector

        kept = []
        for each in (selector.translate(_LINES) for selector in selectors):
            try:
                kept.append(check_selector(_printable(each)))
            except PydanticCustomError as error:
                self.left_out.append(f"the selector {each[:100]!r}: {error.message()}")
        return kept


def _printable(text: str) -> str:
    from pydantic_core import PydanticCustomError

    if not text.isprintable():
        raise PydanticCustomError("unprintable", "It has characters that cannot be shown")
    return text


def number(value: Any) -> float | None:
    """A number, which may be infinite or NaN; None for other things, and for true and false."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def texts(value: Any) -> list[str]:
    """The non-empty texts of a text or a list; other things are none."""
    many = value if isinstance(value, list) else [value]
    return [text.strip() for text in many if isinstance(text, str) and text.strip()]


def split_tags(text: str) -> list[str]:
    """The tags of a list with commas."""
    return texts(text.split(","))


def counted(items: Iterable[Item]) -> Iterable[Item]:
    """The same items. Raises BadFile if there are too many."""
    for number, item in enumerate(items):
        if number >= MAX_ITEMS:
            raise BadFile(f"The file has more than {MAX_ITEMS:,} pages: split it.")
        yield item
