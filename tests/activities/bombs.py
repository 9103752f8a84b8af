"""Decompression bombs: small bodies that inflate to 1 GiB of zeros, made in pieces."""

import zlib
from collections.abc import Iterator
from functools import cache
from typing import Final

import brotli  # type: ignore[import-untyped]
from backports import zstd

INFLATED: Final = 2**30
PIECE: Final = bytes(2**20)


def _pieces() -> Iterator[bytes]:
    for _ in range(INFLATED // len(PIECE)):
        yield PIECE


def _gzip() -> bytes:
    made = zlib.compressobj(level=1, wbits=31)
    return b"".join([*map(made.compress, _pieces()), made.flush()])


def _brotli() -> bytes:
    made = brotli.Compressor(quality=1)
    return b"".join([*map(made.process, _pieces()), made.finish()])


def _zstd() -> bytes:
    made = zstd.ZstdCompressor(level=1)
    return b"".join([*map(made.compress, _pieces()), made.flush()])


ENCODINGS: Final = ("gzip", "deflate", "br", "zstd", "gzip, gzip", "gzip, br")


@cache
def bomb(encoding: str) -> bytes:
    """The bomb that is sent under a Content-Encoding: for each, once, a second at most."""
    match encoding:
        case "gzip":
            return _gzip()
        case "deflate":
            return bomb("gzip")[10:-8]  # raw, as many a server sends it
        case "br":
            return _brotli()
        case "zstd":
            return _zstd()
        case "gzip, gzip":
            return zlib.compress(bomb("gzip"), wbits=31)
        case _:
            return bytes(brotli.compress(bomb("gzip")))
