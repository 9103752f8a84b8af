"""Which kind of file it is, and what is in it. Nothing in a file is believed.

A file is read as far as `MAX_FILE_SIZE`, and of an archive only so much is unpacked. YAML has no
aliases and no tags of its own here, and XML no entities: they are what bombs are made of.
"""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cli.client.imports.items import MAX_FILE_SIZE, BadFile, Item, counted
from cli.client.imports.lists import DELIMITERS, csv_items, records, text_items, xml_items
from cli.client.imports.tools import changedetection_items, distill_items, job_items

MAX_LINE_SIZE: Final = 2**20
"""Bytes of one line of our own export, except for a change, which is not imported."""

OWN_TYPES: Final = frozenset({"domain", "page", "alert", "change"})

_CHANGE: Final = b'{"type": "change"'

_OF_JSON: Final = (
    "channels",
    "crawlSettings",
    "discoverFrequencyHours",
    "checkFrequencyHours",
    "domains",
    "enabled",
    "monitoringEnabled",
    "on",
    "pages",
    "quietHours",
    "schedule",
    "tags",
    "watch",
)
"""Columns of our own CSV whose cells are JSON; the others are texts."""

_JOB: Final = re.compile(r"^(?:- )?(?:url|navigate|kind|name|command) *:", re.MULTILINE)


class FileKind(StrEnum):
    """The kinds of files that are read."""

    OWN = "diffy"
    TEXT = "text"
    CSV = "csv"
    XML = "xml"  # a sitemap, a feed or OPML
    CHANGEDETECTION = "changedetection"
    URLWATCH = "urlwatch"
    DISTILL = "distill"


def own_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file that `diffy export` wrote: JSON, read line by line, or CSV."""
    with path.open("rb") as file:
        is_table = not file.read(64 * 1024).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{")
    for number, row in _own_table(path) if is_table else _own_lines(path):
        if not isinstance(row, dict) or str(row.get("type")) not in OWN_TYPES:
            raise BadFile(f"Line {number} is not of an export: its type is not known.")
        if not _can_be_sent(row):
            raise BadFile(f"Line {number} has a value that no export has.")
        yield row


def _own_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as lines:
        number = 0
        while line := lines.readline(MAX_LINE_SIZE + 1):
            number += 1
            if len(line) > MAX_LINE_SIZE:
                if not line.startswith(_CHANGE):
                    raise BadFile(f"Line {number} is longer than 1 MiB.")
                while line and not line.endswith(b"\n"):
                    line = lines.readline(MAX_LINE_SIZE)
                yield number, {"type": "change"}
            elif line.strip():
                yield number, _parsed_json(line, f"line {number}")


def _own_table(path: Path) -> Iterator[tuple[int, Any]]:
    for number, cells in records(_text(path)):
        row: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
        for name in _OF_JSON if row.get("type") != "change" else ():
            if name in row:
                # A spreadsheet writes TRUE for true.
                cell = row[name].lower() if row[name].isalpha() else row[name]
                row[name] = _parsed_json(cell.encode(), f"line {number}, column {name}")
        yield number, row


def _can_be_sent(row: dict[str, Any]) -> bool:
    """Whether a row of an export can be read as one. The API checks the rest."""
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # NaN, infinite, or half of a surrogate pair
        return False
    name = {"page": "url", "domain": "domain"}.get(row["type"])
    names = ("channels", "domains", "pages") if row["type"] == "alert" else ("tags",)
    lists = (row.get(each) or [] for each in names)
    return (
        (name is None or isinstance(row.get(name), str))
        and isinstance(row.get("on") or {}, dict)
        and (row["type"] == "change" or all(map(_is_list_of_texts, lists)))
    )


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def kind_of(path: Path) -> FileKind:
    """What a file seems to be, by its beginning and its name."""
    with path.open("rb") as file:
        start = file.read(64 * 1024)
    if start.startswith(b"PK\x03\x04"):
        return FileKind.CHANGEDETECTION
    if start.startswith(b"\x1f\x8b") or start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return FileKind.XML
    text = start.decode("utf-8-sig", "replace").lstrip()
    if text.startswith(("{", "[")):
        return _kind_of_json(path, text)
    if _is_own_table(text):
        return FileKind.OWN
    if path.suffix.lower() in (".yaml", ".yml") or _JOB.search(text):
        return FileKind.URLWATCH
    if path.suffix.lower() == ".csv" or _has_header(text):
        return FileKind.CSV
    return FileKind.TEXT


def _has_header(text: str) -> bool:
    """Whether the first line names columns, one of them `url` or `uri`."""
    return any(cell.lower() in ("url", "uri") for cell in _header(text))


def _is_own_table(text: str) -> bool:
    """Whether the first line is that of our own CSV, which other tables do not have."""
    cells = _header(text)
    return cells[:1] == ["type"] and ("id" in cells or "diffData" in cells)


def _header(text: str) -> list[str]:
    """The cells of the first line if it can name columns."""
    line = next(iter(text.splitlines()), "")
    if "://" in line or "#" in line:
        return []
    return [cell.strip().strip('"') for cell in re.split(f"[{DELIMITERS}]", line)]


def _kind_of_json(path: Path, text: str) -> FileKind:
    line = text.partition("\n")[0]
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        first = None
    if isinstance(first, dict) and str(first.get("type")) in OWN_TYPES:
        return FileKind.OWN
    found = _parsed_json(_content(path), "the file")
    if isinstance(found, dict) and isinstance(found.get("watching"), dict):
        return FileKind.CHANGEDETECTION
    rows = _rows(found)
    if any("uri" in row for row in rows):
        return FileKind.DISTILL
    if any("url" in row or "navigate" in row for row in rows):
        return FileKind.URLWATCH
    raise BadFile(
        "This JSON is of none of the tools that are known: changedetection.io, urlwatch, "
        "webchanges, Distill, Diffy."
    )


def items_of(path: Path, kind: FileKind) -> Iterable[Item]:
    """The pages of a file of another tool. Raises BadFile."""
    return counted(_items(path, kind))


def _items(path: Path, kind: FileKind) -> Iterator[Item]:
    match kind:
        case FileKind.TEXT:
            yield from text_items(_text(path))
        case FileKind.CSV:
            yield from csv_items(_text(path))
        case FileKind.XML:
            yield from xml_items(_content(path))
        case FileKind.CHANGEDETECTION:
            yield from _changedetection(path)
        case FileKind.DISTILL:
            found = _parsed_json(_content(path), "the file")
            yield from distill_items(_rows(found))
        case FileKind.URLWATCH:
            yield from job_items(_jobs(_text(path)))
        case FileKind.OWN:
            raise AssertionError("an export is read by own_rows")


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_SIZE + 1)
    if len(content) > MAX_FILE_SIZE:
        raise BadFile(f"The file is larger than {MAX_FILE_SIZE // 2**20} MiB: split it.")
    return content


def _text(path: Path) -> str:
    try:
        return _content(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFile("The file is not text in UTF-8.") from None


def _parsed_json(content: bytes, what: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise BadFile(f"There is no JSON that can be read in {what}.") from None


def _rows(found: Any) -> list[dict[str, Any]]:
    """The objects of a list, or of a list in `data`, or the one object."""
    if isinstance(found, dict):
        found = found["data"] if isinstance(found.get("data"), list) else [found]
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _changedetection(path: Path) -> Iterator[Item]:
    if not zipfile.is_zipfile(path):
        found = _parsed_json(_content(path), "the file")
        index = found if isinstance(found, dict) else {}
        watches = index.get("watching")
        yield from changedetection_items(index, _watches(watches))
        return
    try:
        with zipfile.ZipFile(path) as archive:
            index, single = _unpacked(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        raise BadFile("The archive cannot be unpacked: it is broken or encrypted.") from None
    watches = _watches(index.get("watching")) or single
    if not watches:
        raise BadFile("The archive is no backup of changedetection.io: it has no watches.")
    yield from changedetection_items(index, watches)


def _watches(watching: Any) -> list[dict[str, Any]]:
    return (
        [each for each in watching.values() if isinstance(each, dict)]
        if isinstance(watching, dict)
        else []
    )


def _unpacked(archive: zipfile.ZipFile) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The index of a backup, and the watches that newer versions keep in a file each."""
    index: dict[str, Any] = {}
    watches: list[dict[str, Any]] = []
    tags: dict[str, Any] = {}
    left = MAX_FILE_SIZE
    for member in archive.infolist():
        name = member.filename.rpartition("/")[2]
        if name not in ("url-watches.json", "changedetection.json", "watch.json", "tag.json"):
            continue
        with archive.open(member) as file:
            # What the archive says of its sizes may be wrong.
            content = file.read(left + 1)
        left -= len(content)
        if left < 0:
            raise BadFile(
                f"The archive unpacks to more than {MAX_FILE_SIZE // 2**20} MiB of settings."
            )
        found = _parsed_json(content, name)
        if not isinstance(found, dict):
            continue
        if name == "watch.json":
            watches.append(found)
        elif name == "tag.json":
            tags[member.filename.split("/")[-2] if "/" in member.filename else ""] = found
        else:
            index = found
    if tags:
        settings = index.setdefault("settings", {})
        if isinstance(settings, dict) and isinstance(settings.setdefault("application", {}), dict):
            settings["application"]["tags"] = tags
    return index, watches


def _jobs(text: str) -> list[dict[str, Any]]:
    """The jobs of one or several YAML documents, or of a JSON list."""
    import yaml

    class PlainLoader(yaml.SafeLoader):
        """Refuses aliases, by which a small file becomes a large one."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise BadFile("The YAML file has aliases (*name), which are not read.")
            return super().compose_node(parent, index)

        def construct_yaml_int(self, node: Any) -> int:
            value: int = super().construct_yaml_int(node)
            str(value)  # raises ValueError for one that is too long to be printed
            return value

    PlainLoader.add_constructor("tag:yaml.org,2002:int", PlainLoader.construct_yaml_int)
    try:
        documents = list(yaml.load_all(text, PlainLoader))
    except yaml.YAMLError as error:
        problem = str(getattr(error, "problem", None))
        # A lone `=` has a tag that nobody wrote.
        if "could not determine a constructor" in problem and "2002:value'" not in problem:
            raise BadFile("The YAML file has tags (!name), which are not read.") from None
        place = getattr(error, "problem_mark", None)
        line = f" in line {place.line + 1}" if place else ""
        raise BadFile(f"The YAML file cannot be read{line}.") from None
    except RecursionError:
        raise BadFile("The YAML file cannot be read: it is nested too deeply.") from None
    except (ValueError, ArithmeticError, LookupError, AttributeError):
        # Such as a date that no calendar has.
        raise BadFile("The YAML file cannot be read: one of its values is not valid.") from None
    jobs = [row for document in documents for row in _rows(document)]
    if not jobs:
        raise BadFile("The YAML file has no jobs.")
    return jobs
