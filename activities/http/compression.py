"""Whether the compressed data of a body came to its own end."""

from httpx2 import Response
from httpx2 import _decoders as decoders


def ends_early(answer: Response) -> bool:
    """Whether the body of `answer`, read to the end of its connection, goes on by its compression.

    zstd data that ends early is httpx's own error; of the others it is no news to it, and in a body
    of no declared length there is no other sign. An empty body is none that was compressed.
    """
    return answer.num_bytes_downloaded > 0 and _goes_on(answer._get_content_decoder())


def _goes_on(decoder: decoders.ContentDecoder) -> bool:
    match decoder:
        case decoders.MultiDecoder():
            return any(map(_goes_on, decoder.children))
        case decoders.GZipDecoder() | decoders.DeflateDecoder():
            # The protocol that is declared for it has no `eof`; zlib's has.
            return not getattr(decoder.decompressor.decompressor, "eof")  # noqa: B009
        case decoders.BrotliDecoder():
            return not decoder.decompressor.is_finished()
        case _:
            return False
