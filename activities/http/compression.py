"""Content codings of response bodies, decoded as browsers decode them.

httpx2 ends a gzip stream with its first member and loses the others. It knows no `x-gzip`. It takes
a raw deflate stream for a broken one if its first byte arrives alone. These decoders take the
places of its own, and inflate no more than `MAX_DECODE_CHUNK_SIZE` at a time either.
"""

import zlib
from collections.abc import Iterator
from typing import Final

from httpx2 import DecodingError, Response
from httpx2 import _decoders as decoders

GZIP: Final = zlib.MAX_WBITS | 16
RAW: Final = -zlib.MAX_WBITS
MAGIC: Final = b"\x1f\x8b"

ALIASES: Final = {"x-gzip": "gzip", "x-deflate": "deflate", "x-zstd": "zstd"}
"""Older names of content codings (RFC 9110, 8.4.1.3)."""

MAX_MEMBERS: Final = 100_000
"""Number of gzip members of one body; a member may be empty and take 20 bytes."""


class GzipDecoder(decoders.ContentDecoder):
    """Decodes all members of a gzip stream (RFC 1952, 2.2).

    What follows the last member and is no member is ignored, as in browsers. `finished` is set
    between two members.
    """

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(GZIP)
        self._members = 1
        self._held = b""
        self._padded = False

    @property
    def finished(self) -> bool:
        """Whether no member is incomplete."""
        return self._inflater.eof or self._padded

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The decompressed bytes of `data`, in pieces. Raises DecodingError if it is damaged, or
        has more than `MAX_MEMBERS`.
        """
        data = self._held + data
        self._held = b""
        while data and not self._padded:
            if self._inflater.eof:
                if len(data) < len(MAGIC) and MAGIC.startswith(data):
                    self._held = data
                    return
                if not data.startswith(MAGIC):
                    self._padded = True
                    return
                if self._members == MAX_MEMBERS:
                    raise DecodingError(f"more than {MAX_MEMBERS} members")
                self._members += 1
                self._inflater = zlib.decompressobj(GZIP)
            yield from _inflated(self._inflater, data)
            data = self._inflater.unused_data

    def flush(self) -> Iterator[bytes]:
        """Nothing: all bytes were decoded as they came."""
        yield from ()


class DeflateDecoder(decoders.ContentDecoder):
    """Decodes a zlib stream, or a raw deflate stream that a server sends under the same name."""

    def __init__(self) -> None:
        self._inflater: zlib._Decompress | None = None
        self._held = b""

    @property
    def finished(self) -> bool:
        """Whether the stream is complete."""
        return self._inflater is not None and self._inflater.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The decompressed bytes of `data`, in pieces. Raises DecodingError if it is damaged."""
        if self._inflater is None:
            data = self._held + data
            if len(data) < 2:
                self._held = data
                return
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if _is_zlib(data) else RAW)
        if not self._inflater.eof:
            yield from _inflated(self._inflater, data)

    def flush(self) -> Iterator[bytes]:
        """Nothing: all bytes were decoded as they came."""
        yield from ()


def prepare_decoding(response: Response) -> None:
    """Decode the body of `response`, which was not read yet, with the decoders of this module."""
    values = response.headers.get_list("content-encoding", split_commas=True)
    names = [ALIASES.get(name, name) for name in (value.strip().lower() for value in values)]
    decoder = decoders.MultiDecoder([name for name in names if name != "identity"])
    children = [_replaced(child) for child in decoder.children]
    if len(children) == 1:
        response._decoder = children[0]
    elif children:
        decoder.children = children
        response._decoder = decoder
    else:
        response._decoder = decoders.IdentityDecoder()


def is_truncated(response: Response) -> bool:
    """Whether the compressed data of `response`, whose body was read to its end, is truncated.

    httpx2 raises an error for truncated zstd streams, but ignores truncated Brotli streams; a body
    without a declared length has no other sign of it. An empty body is not compressed.
    """
    return response.num_bytes_downloaded > 0 and _is_unfinished(response._get_content_decoder())


def _replaced(decoder: decoders.ContentDecoder) -> decoders.ContentDecoder:
    match decoder:
        case decoders.GZipDecoder():
            return GzipDecoder()
        case decoders.DeflateDecoder():
            return DeflateDecoder()
        case _:
            return decoder


def _inflated(inflater: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    try:
        while data and not inflater.eof:
            content = inflater.decompress(data, decoders.MAX_DECODE_CHUNK_SIZE)
            if content:
                yield content
            data = inflater.unconsumed_tail
        # Output may be left although all input was taken.
        while not inflater.eof and (
            content := inflater.decompress(b"", decoders.MAX_DECODE_CHUNK_SIZE)
        ):
            yield content
    except zlib.error as error:
        raise DecodingError(str(error)) from error


def _is_zlib(start: bytes) -> bool:
    """Whether the stream has a zlib header (RFC 1950, 2.2)."""
    return start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2], "big") % 31 == 0


def _is_unfinished(decoder: decoders.ContentDecoder) -> bool:
    match decoder:
        case decoders.MultiDecoder():
            return any(map(_is_unfinished, decoder.children))
        case GzipDecoder() | DeflateDecoder():
            return not decoder.finished
        case decoders.BrotliDecoder():
            return not decoder.decompressor.is_finished()
        case _:
            return False
