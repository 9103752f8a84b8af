"""Repair of response heads that HTTP does not allow, and that browsers read all the same."""

import re
from typing import Final

_STATUS: Final = re.compile(rb"\s*HTTP/?(\d(?:\.\d)?)?[ \t]+(\d{3})(?!\d)[ \t]*(.*)", re.IGNORECASE)
_NAME: Final = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+")
_LINE_END: Final = re.compile(rb"\r*\n")
_WHITE: Final = b" \t"
_CONTROLS: Final = re.compile(rb"[\r\x0b\x0c\x1c-\x1f\x85]+")
_LENGTHS: Final = re.compile(rb"[0-9]{1,19}(?:[ \t]*,[ \t]*[0-9]{1,19})*")
_HEAD_END: Final = re.compile(rb"\n\r*\n")


def end_of_head(data: bytes, start: int = 0) -> int | None:
    """The index behind the empty line that ends the head in `data`; None if it is not there.

    The search begins at `start`, which is at least two bytes before the end of what was searched.
    """
    found = _HEAD_END.search(data, start)
    return found.end() if found else None


def repaired_head(head: bytes) -> bytes:
    """The response head `head`, with its empty line, without what a strict parser refuses.

    As in browsers: a line that is no header is ignored, white space before a colon too, and so is a
    length that is no number or a transfer coding that is unknown. A status line without a version
    or with a version that does not exist is one of HTTP/1.0. NUL bytes stay, and so does a head
    without a status line: browsers refuse them.
    """
    lines = _LINE_END.split(head)
    status = _STATUS.fullmatch(lines[0])
    if status is None:
        return head
    version = status[1] if status[1] in (b"1.0", b"1.1") else b"1.0"
    reason = _CONTROLS.sub(b" ", status[3]).strip()
    repaired = [b"HTTP/%b %b %b" % (version, status[2], reason)]
    for line in _unfolded(lines[1:]):
        name, colon, value = line.partition(b":")
        name = name.rstrip(_WHITE)
        if not colon or not _NAME.fullmatch(name):
            continue
        value = _CONTROLS.sub(b" ", value).strip(b" \t")
        if not _is_ignored(name.lower(), value):
            repaired.append(name + b": " + value)
    return b"\r\n".join([*repaired, b"", b""])


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """The lines, with continuation lines joined to their header (RFC 9112, 5.2)."""
    joined: list[list[bytes]] = []
    for line in lines:
        if line.startswith((b" ", b"\t")):
            if joined:
                joined[-1].append(line.strip(_WHITE))
        elif line:
            joined.append([line])
    return [b" ".join(parts) for parts in joined]


def _is_ignored(name: bytes, value: bytes) -> bool:
    if name == b"content-length":
        return _LENGTHS.fullmatch(value) is None
    if name == b"transfer-encoding":
        return value.lower() != b"chunked"
    return False
