"""Decompression bombs: small bodies that inflate to 1 GiB of zeros, made in pieces."""

import struct
import sys
import zlib
from collections.abc import Iterator
from functools import cache, reduce
from typing import Final

import brotli  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

INFLATED: Final = 2**30
PIECE: Final = bytes(2**20)
GZIP_HEAD: Final = b"\x1f\x8b\x08" + bytes(6) + b"\xff"


def _pieces() -> Iterator[bytes]:
    for _ in range(INFLATED // len(PIECE)):
        yield PIECE


def _gzip() -> bytes:
    """Its pieces are packed once: after a full flush none refers to the one before."""
    made = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
    piece = made.compress(PIECE) + made.flush(zlib.Z_FULL_FLUSH)
    checksum = reduce(lambda before, each: zlib.crc32(each, before), _pieces(), 0)
    packed = piece * (INFLATED // len(PIECE)) + made.flush()
    return GZIP_HEAD + packed + struct.pack("<II", checksum, INFLATED)


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
