"""What status and headers mean for a job."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.http.responses import error_for_content, error_for_status, retry_after
from core.errors import (
    AccessRefused,
    JobError,
    NotAPage,
    PageGone,
    PassingJobError,
    PermanentJobError,
    SiteError,
    SiteOverloaded,
    SiteTimeout,
)

WAIT = timedelta(seconds=7)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0), ("1", 1), (" 120 ", 120), ("86400", 86_400), ("9" * 400, 10**8),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Wed, 01 Jan 2020 00:00:00 -0500", 0),
    ],
)  # fmt: skip
def test_patience_in_seconds_or_in_a_date_that_is_over(value: str, seconds: int) -> None:
    assert retry_after(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", "UTC", ""])
def test_patience_until_a_date(zone: str) -> None:
    moment = datetime.now(UTC) + timedelta(hours=1)
    value = format_datetime(moment.replace(tzinfo=None)).removesuffix("-0000") + zone
    asked = retry_after(value)
    assert asked is not None
    assert timedelta(minutes=59) < asked <= timedelta(hours=1)


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "soon", "-1", "1.5", "1e3", "+5", "0x10", "١٢", "1 2", "tomorrow at noon",
        "Mon, 99 Foo 2026 99:99:99 GMT", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2026 00:00:00 +999999999999999999",
    ],
)  # fmt: skip
def test_patience_that_cannot_be_read_is_none(value: str) -> None:
    assert retry_after(value) is None


def test_no_header_asks_for_no_patience() -> None:
    assert retry_after(None) is None


WORDS = "Mon , 01 Jan 1 0 -1 9999 10000 99999999999 00:00:00 23:59:60 : GMT +2400 -9999 ( ) a"


@given(st.text() | st.lists(st.sampled_from(WORDS.split())).map(" ".join))
def test_any_header_can_be_read(value: str) -> None:
    asked = retry_after(value)
    assert asked is None or asked >= timedelta(0)


@pytest.mark.parametrize("status", [200, 201, 203, 204, 206, 299, 304])
def test_a_success_is_no_refusal(status: int) -> None:
    assert error_for_status(status, None) is None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, PageGone), (410, PageGone),
        (400, AccessRefused), (401, AccessRefused), (402, AccessRefused), (403, AccessRefused),
        (405, AccessRefused), (418, AccessRefused), (451, AccessRefused), (499, AccessRefused),
        (408, SiteTimeout), (425, SiteOverloaded), (429, SiteOverloaded), (503, SiteOverloaded),
        (500, SiteError), (501, SiteError), (502, SiteError), (504, SiteError), (520, SiteError),
        (599, SiteError), (999, SiteError), (100, SiteError), (300, SiteError), (302, SiteError),
    ],
)  # fmt: skip
def test_a_refusal_names_its_status_and_knows_whether_a_retry_helps(
    status: int, error: type[JobError]
) -> None:
    refused = error_for_status(status, WAIT)
    assert type(refused) is error
    assert str(status) in refused.message
    assert refused.retryable == isinstance(refused, PassingJobError)
    if isinstance(refused, PassingJobError):
        assert refused.retry_after == WAIT
    else:
        assert isinstance(refused, PermanentJobError)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html", "TEXT/HTML", " text/html ;charset=utf-8", "application/xhtml+xml",
        "text/html;;", None, "", " ; charset=utf-8", "nonsense", "*/*", "text/html charset=utf-8",
        "text/plain, text/html",
    ],
)  # fmt: skip
def test_markup_is_a_page(content_type: str | None) -> None:
    assert error_for_content(content_type, b" \n<p>text</p>") is None


@pytest.mark.parametrize(
    ("content_type", "body", "named"),
    [
        ("image/svg+xml", b"<p>", "image/svg+xml"), ("text/plain", b"<p>", "text/plain"),
        ("application/json", b"{}", "application/json"), ("text/htmlx", b"<p>", "text/htmlx"),
        ("nonsense", b"words", "no known type"), (None, b"plain words", "no known type"),
        ("application/pdf", b"%PDF-1.7", "a PDF"), ("text/html", b"%PDF-1.7", "a PDF"),
        (None, b"\x89PNG", "an image"),
    ],
)  # fmt: skip
def test_anything_else_is_no_page(content_type: str | None, body: bytes, named: str) -> None:
    unusable = error_for_content(content_type, body)
    assert isinstance(unusable, NotAPage)
    assert named in unusable.message


@pytest.mark.parametrize(
    "body", [b"%PDF-1.7", b"\x89PNG\r\n", b"GIF89a", b"PK\x03\x04", b"\x1f\x8b"]
)
def test_what_begins_as_another_file_is_no_page_whatever_it_is_called(body: bytes) -> None:
    unusable = error_for_content("text/html", body)
    assert isinstance(unusable, NotAPage)
    assert unusable.message.endswith(", which is not a page.")


@pytest.mark.parametrize("body", [b"", b" ", b"\r\n\t \n"])
def test_nothing_is_no_page(body: bytes) -> None:
    unusable = error_for_content("text/html", body)
    assert unusable is not None
    assert "empty" in unusable.message


def test_a_message_repeats_a_media_type_only_as_far_as_a_person_reads() -> None:
    long = error_for_content("x/" + "x" * 5_000, b"<p>")
    odd = error_for_content("a\x1b[2J/b", b"words")
    assert long is not None
    assert len(long.message) < 200
    assert odd is not None
    assert "\x1b" not in odd.message
