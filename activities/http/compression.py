"""Detection of truncated compressed bodies."""

from httpx2 import Response
from httpx2 import _decoders as decoders


def is_truncated(response: Response) -> bool:
    """Whether the compressed data of `response`, whose body was read to its end, is truncated.

    httpx2 raises an error for truncated zstd streams, but ignores truncated gzip, deflate and
    Brotli streams; a body without a declared length has no other sign of it. An empty body is not
    compressed.
    """
    return response.num_bytes_downloaded > 0 and _is_unfinished(response._get_content_decoder())


def _is_unfinished(decoder: decoders.ContentDecoder) -> bool:
    match decoder:
        case decoders.MultiDecoder():
            return any(map(_is_unfinished, decoder.children))
        case decoders.GZipDecoder() | decoders.DeflateDecoder():
            # httpx2 declares a protocol without `eof`; the object is one of zlib, which has it.
            return not getattr(decoder.decompressor.decompressor, "eof")  # noqa: B009
        case decoders.BrotliDecoder():
            return not decoder.decompressor.is_finished()
        case _:
            return False
