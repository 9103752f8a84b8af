"""Masks for noise: parts of a line that differ at each visit without new content.

Lines are compared in masked form, so two lines that differ only in masked parts are equal. Users
see the unmasked text.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from core.changes.money import find_money
from core.text.invisible import compared_form
from core.text.stored_text import CELL_GAP, mark_of, text_of, verbatim
from core.web.crawl_settings import ALL_MASKS, MaskName

MASK: Final = "\N{HORIZONTAL ELLIPSIS}"

_MONTH: Final = (
    r"(?:jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]|janv|f[eé]vr|avr|juin|juil"
    r"|ao[uû]t|ene|abr|ago|dic)[a-zé]*\.?"
)
_DAY: Final = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?"
_DATE: Final = (
    rf"{_DAY}(?:{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?\.?\s+(?:de\s+)?{_MONTH}(?:,?\s+(?:de\s+)?\d{{4}})?"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
)
_CLOCK: Final = (
    r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:z|utc|gmt|[a-z]{2,4}t)?"
    r"(?:\s*[+-]\d{2}:?\d{2})?(?!\w)"
)
_AGO: Final = (
    r"(?:just now|moments? ago"
    r"|(?:\d+|an?|one|a few|few)\s+"
    r"(?:sec(?:ond)?|min(?:ute)?|h(?:ou)?r|day|week|month|year)s?\s+ago"
    r"|vor\s+\w+\s+(?:sekunde|minute|stunde|tag|woche|monat|jahr)(?:e?n)?"
    r"|il y a\s+\w+\s+(?:secondes?|minutes?|heures?|jours?|semaines?|mois|ans?)"
    r"|hace\s+\w+\s+(?:segundos?|minutos?|horas?|d[ií]as?|semanas?|mes(?:es)?|a[ñn]os?))"
)
_WHEN: Final = (
    rf"(?:(?:{_DATE})(?:(?:,|\s+at|\s+um|\s+à|t)?\s*{_CLOCK})?|{_CLOCK}|{_AGO}|today|yesterday)"
)
_LED: Final = (
    r"(?:(?:last[\s-]+|page\s+)?(?:updated?|modified|edited|generated|rendered|refreshed|retrieved"
    r"|loaded|cached|fetched|synced"
    r"|reviewed)|^(?:-\s)?(?:posted|published|built)|(?:current|server|local)\s+time|stand"
    r"|(?:zuletzt\s+)?aktualisiert|letzte\s+(?:änderung|aktualisierung)|mis(?:e)?\s+à\s+jour"
    r"|derni[eè]re\s+(?:modification|mise\s+à\s+jour)|(?:última\s+)?actualizaci[oó]n|actualizado)"
    r"(?:\s+(?:on|at|am|le|el))?\s*:?\s*"
)
_COUNT: Final = r"\d[\d.,\u00a0\u202f]*\s?[km]?\+?"
_COUNTED: Final = (
    r"(?:views?|visits?|visitors?|readers?|likes?|comments?|shares?|followers?|downloads?|votes?"
    r"|replies|reactions?|claps|plays|hits)"
)
_ID: Final = r"(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{7,}"


class Lines(Enum):
    """The lines that a mask applies to; in all others the same text is content."""

    ALL = "all"
    NOT_ROWS = "not in table rows"
    PLAIN = "not in headings, list items and table rows"


@dataclass(frozen=True)
class Mask:
    """A kind of noise: the first group of `pattern` is kept, the rest of the match is masked.

    `setting` is the name of the mask that turns it off.
    """

    name: str
    setting: MaskName
    pattern: str
    lines: Lines = Lines.PLAIN


MASKS: Final = (
    Mask("time gone by", MaskName.DATES, rf"()\b{_AGO}\b", Lines.ALL),
    Mask("led date", MaskName.DATES, rf"((?<!\w){_LED})(?:{_WHEN})", Lines.NOT_ROWS),
    Mask("date alone", MaskName.DATES, rf"^()(?:{_WHEN})$"),
    Mask(
        "duration",
        MaskName.DURATIONS,
        r"(\b(?:rendered|generated|loaded|served|took|executed)\s+(?:in\s+)?)"
        r"[\d.,]+\s*(?:ms|s|sec|seconds|milliseconds)\b",
    ),
    Mask(
        "counters",
        MaskName.COUNTERS,
        rf"^(){_COUNT}\s{_COUNTED}(?:\s*[·•|,/–—-]\s*{_COUNT}\s{_COUNTED})*$",
    ),
    Mask("counters amid", MaskName.COUNTERS, rf"([·•]\s*){_COUNT}\s{_COUNTED}(?=\s*(?:[·•]|$))"),
    Mask(
        "counter led",
        MaskName.COUNTERS,
        rf"^((?:{_COUNTED}|(?:online\s+)?(?:users|visitors|guests|members)"
        rf"(?:\s+(?:online|today|now))?):\s*|you are visitor (?:number |no\. )?#?){_COUNT}\.?$",
    ),
    Mask(
        "ratings counted",
        MaskName.COUNTERS,
        rf"(\(){_COUNT}(?=\s(?:reviews?|ratings?)\))",
        Lines.NOT_ROWS,
    ),
    Mask("count before a title", MaskName.COUNTERS, r"^(\()\d+(?=\)\s)"),
    Mask(
        "times viewed",
        MaskName.COUNTERS,
        rf"(\b(?:viewed|visited|read|downloaded|shared)\s+){_COUNT}(?=\s+times\b)",
    ),
    Mask(
        "people here",
        MaskName.COUNTERS,
        rf"^(){_COUNT}\s+(?:other\s+)?(?=(?:people|users?|visitors?|guests?|others|shoppers)\b"
        r".{0,15}\b(?:viewing|watching|reading|online|looking|browsing)\b)",
    ),
    Mask(
        "bracketed count",
        MaskName.COUNTERS,
        r"(\b(?:cart|basket|bag|wishlist|inbox|notifications?|comments?|replies)\s*[(:]\s*)\d+",
        Lines.NOT_ROWS,
    ),
    Mask(
        "labelled id",
        MaskName.IDS,
        r"(\b(?:request|session|trace|correlation|build|visitor|csrf|nonce|token|ray)"
        rf"(?:\s+(?:id|token|number))?(?:\s*[:#=]\s*|\s+)){_ID}\b",
    ),
    Mask(
        "numbered id",
        MaskName.IDS,
        r"(\b(?:request|session|trace|correlation|visitor)(?:\s+(?:id|number))?\s*[:#=]\s*)\d{6,}\b",
    ),
    Mask(
        "id alone",
        MaskName.IDS,
        r"^()(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{24,})$",
    ),
    Mask(
        "years of copyright",
        MaskName.COPYRIGHT,
        r"((?:©|\(c\)|\bcopyright\b)[^\d]{0,40})(?:(?:19|20)\d\d\s*[-–—,]\s*)?(?:19|20)\d\d",
    ),
)
"""All masks, applied in this order."""

_COMPILED: Final = tuple((mask, re.compile(mask.pattern, re.IGNORECASE)) for mask in MASKS)
_MAY_BE: Final = re.compile(r"\d|\b(?:ago|now|today|yesterday|vor|hace|il y a)\b", re.IGNORECASE)
MAX_NOISE_LINE_LENGTH: Final = 300
"""Number of characters of a line up to which it is masked: longer lines are prose."""


def masked(line: str, masks: frozenset[MaskName] = ALL_MASKS) -> str:
    """The compared form of a stored line: its text without the mark, with noise masked.

    Texts that look the same have the same form (`core.text.invisible`).
    """
    text = compared_form(text_of(line))
    if len(text) > MAX_NOISE_LINE_LENGTH or not masks or not _MAY_BE.search(text):
        return text
    mark = mark_of(line)
    row = CELL_GAP in line
    plain = not row and not mark
    marked = mark + text
    for mask, pattern in _COMPILED:
        if mask.setting not in masks:
            continue
        if plain or mask.lines is Lines.ALL or (mask.lines is Lines.NOT_ROWS and not row):
            marked = pattern.sub(rf"\g<1>{MASK}", marked)
    return marked[len(mark) :]


_BETWEEN_PARTS: Final = re.compile(r"\s[|·•»–—-]\s")
_VERSION: Final = re.compile(r"(?<![\w.])v?\d+(?:\.\d+)+(?:[-+~][\w.+~]+)*(?!\w)", re.IGNORECASE)


def masked_title(title: str | None, masks: frozenset[MaskName] = ALL_MASKS) -> str:
    """The compared form of a title: noise is masked, and so is a version after the page's name.

    Such a version (`Install · Shop 1.2`) belongs to the site and changes on all its pages at once.
    """
    line = masked(verbatim(title or ""), masks)
    between = _BETWEEN_PARTS.search(line)
    if between is None or MaskName.VERSIONS not in masks or find_money(line):
        return line
    return line[: between.end()] + _VERSION.sub(MASK, line[between.end() :])
