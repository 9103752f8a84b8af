"""Heads that browsers read although HTTP does not allow them."""

import pytest

from core.web.response_heads import end_of_head, repaired_head

OK = b"HTTP/1.1 200 OK\r\n"
HTML = b"Content-Type: text/html\r\n"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (OK + HTML + b"\r\n", OK + HTML + b"\r\n"),
        (b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n", OK + HTML + b"\r\n"),
        (OK + b"nonsense\r\n" + HTML + b"\r\n", OK + HTML + b"\r\n"),
        (OK + b"X Y: 1\r\n" + HTML + b"\r\n", OK + HTML + b"\r\n"),
        (OK + b": no name\r\n" + HTML + b"\r\n", OK + HTML + b"\r\n"),
        (OK + b"Content-Type : text/html\r\n\r\n", OK + HTML + b"\r\n"),
        (OK + b"Content-Type:text/html\r\n\r\n", OK + HTML + b"\r\n"),
        (OK + b"Content-Type:\r\n  text/html\r\n\r\n", OK + HTML + b"\r\n"),
        (OK + b" folded at the start\r\n" + HTML + b"\r\n", OK + HTML + b"\r\n"),
        (OK + b"X: a\x0bb\rc\r\n\r\n", OK + b"X: a b c\r\n\r\n"),
        (OK + b"Content-Length: long\r\n\r\n", OK + b"\r\n"),
        (OK + b"Content-Length: -1\r\n\r\n", OK + b"\r\n"),
        (OK + b"Content-Length: 5, 5\r\n\r\n", OK + b"Content-Length: 5, 5\r\n\r\n"),
        (OK + b"Transfer-Encoding: identity\r\n\r\n", OK + b"\r\n"),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n", OK + b"Transfer-Encoding: Chunked\r\n\r\n"),
        (b"HTTP/1.1  200  Fine\r\n\r\n", b"HTTP/1.1 200 Fine\r\n\r\n"),
        (b"http/1.0 200\r\n\r\n", b"HTTP/1.0 200 \r\n\r\n"),
        (b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n\r\n", OK + b"\r\n"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", b"SSH-2.0-OpenSSH\r\n\r\n"),
        (b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n"),
    ],
)
def test_a_head_is_repaired(head: bytes, expected: bytes) -> None:
    assert repaired_head(head) == expected


@pytest.mark.parametrize(
    ("data", "end"),
    [(b"a\r\n\r\nb", 5), (b"a\n\nb", 3), (b"a\r\n\nb", 4), (b"a\r\nb", None), (b"", None)],
)
def test_the_end_of_a_head_is_found(data: bytes, end: int | None) -> None:
    assert end_of_head(data) == end


def test_a_repaired_head_stays_as_it_is() -> None:
    head = repaired_head(OK + b"a b: c\r\nX:  1 \r\n\r\n")
    assert repaired_head(head) == head
