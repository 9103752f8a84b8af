"""Content negotiation (RFC 9110, 12.5.1)."""

from typing import Final

UNACCEPTABLE: Final = 0.0


def prefers(accept: str | None, wanted: str, usual: str) -> bool:
    """Whether a client would rather have the media type `wanted` than the `usual` one."""
    if accept is None:
        return False
    return _quality(accept, wanted) > _quality(accept, usual)


def _quality(accept: str, media_type: str) -> float:
    """The quality of the most specific range that a type is in, from 0 to 1."""
    kind = media_type.partition("/")[0]
    ranges = (media_type, f"{kind}/*", "*/*")
    best, quality = len(ranges), UNACCEPTABLE
    for each in accept.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        if name in ranges and ranges.index(name) < best:
            best, quality = ranges.index(name), _weight(parameters)
    return quality


def _weight(parameters: list[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return UNACCEPTABLE
            return weight if 0 <= weight <= 1 else UNACCEPTABLE
    return 1.0
