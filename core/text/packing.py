"""Texts as they are stored: compressed, and known by what they say."""

import hashlib
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Packed:
    """A text, compressed (zlib); `key` is the SHA-256 of its UTF-8 in hexadecimal digits."""

    key: str
    data: bytes


def pack(text: str) -> Packed:
    """The text as it is stored. Raises UnicodeEncodeError for what is no Unicode text."""
    encoded = text.encode()
    return Packed(hashlib.sha256(encoded).hexdigest(), zlib.compress(encoded))


def unpack(data: bytes) -> str:
    """The text that `pack` has compressed."""
    return zlib.decompress(data).decode()


def unpack_at_most(data: bytes, most: int) -> str | None:
    """The same; None where the text has more than `most` bytes, of which no more are unpacked."""
    encoded = zlib.decompressobj().decompress(data, most + 1)
    return encoded.decode() if len(encoded) <= most else None
