"""The stored form of texts: compressed and content-addressed."""

import hashlib
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Packed:
    """A compressed text (zlib); `key` is the SHA-256 of its UTF-8 in hexadecimal."""

    key: str
    data: bytes


def pack(text: str) -> Packed:
    """The stored form of `text`. Raises UnicodeEncodeError if the text has a lone surrogate."""
    encoded = text.encode()
    return Packed(hashlib.sha256(encoded).hexdigest(), zlib.compress(encoded))


def unpack(data: bytes) -> str:
    """The text that `pack` compressed."""
    return zlib.decompress(data).decode()


def unpack_at_most(data: bytes, most: int) -> str | None:
    """The text that `pack` compressed; None if it has more than `most` bytes.

    At most `most` + 1 bytes are decompressed.
    """
    encoded = zlib.decompressobj().decompress(data, most + 1)
    return encoded.decode() if len(encoded) <= most else None
