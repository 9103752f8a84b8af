"""The bodies of webhooks, and mails."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from core.alerts.mail import mail_of
from core.alerts.messages import (
    MAX_BODY_LENGTH,
    MAX_PRICES_IF_LONG,
    Links,
    Notification,
    ToldChange,
    body_of,
    of_change,
    of_digest,
    of_test,
)
from core.changes.price_list import PriceMove, PricePeriod
from core.changes.text_diff import compare
from core.tags import MAX_TAG_LENGTH, MAX_TAGS
from core.web.urls import MAX_URL_LENGTH
from tests.mailbox import part_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANNEL = UUID(int=7)


def told(number: int = 0, summary: str = "Price of Pro changed.", **fields: object) -> ToldChange:
    """A change."""
    change_id = UUID(int=number + 1)
    given = {
        "id": change_id,
        "domain_id": UUID(int=2),
        "page_id": UUID(int=3),
        "job_id": "crawl-1",
        "domain": "shop.example",
        "url": "https://shop.example/pricing?a=1&b=<2>",
        "page_type": "pricing",
        "title": "Pricing",
        "tags": ("rivals",),
        "event": "change",
        "change_type": "price_change",
        "severity": "high",
        "confidence": 0.98,
        "summary": summary,
        "detected_at": AT + timedelta(minutes=number),
        "before_snapshot_id": uuid4(),
        "after_snapshot_id": None,
        "alert_id": None,
        "alert_name": None,
        "links": Links(change=f"https://diffy.example/api/changes/{change_id}", page="p"),
        **fields,
    }
    return ToldChange.model_validate(given)


def price(plan: str) -> PriceMove:
    """A price that moved, in as many figures as there can be."""
    return PriceMove(
        plan=plan,
        currency="US$",
        before=1234567.8901234567,
        after=2234567.8901234567,
        period=PricePeriod.MONTH,
        percent=-81.00000729000066,
    )


LONGEST = told(
    summary="\x01" * 1_000,
    title="\x01" * 1_000,
    tags=["\U0001f600" * MAX_TAG_LENGTH] * 2 * MAX_TAGS,
    prices=[price("\x01" * 200)] * 180,
    job_id="\x01" * 1_000,
    alert_name="\x01" * 200,
    domain="d" * 253,
    url="u" * MAX_URL_LENGTH,
    before_snapshot_id=uuid4(),
    after_snapshot_id=uuid4(),
    alert_id=uuid4(),
    links=Links(**dict.fromkeys(Links.model_fields, f"{'h' * 500}/api/snapshots/{uuid4()}")),
)
"""A change whose texts are as long as they can be, of what takes most room in JSON."""


def test_a_body_is_the_same_each_time_and_has_no_id_of_its_own() -> None:
    message = of_change(uuid4(), told())
    assert body_of(message) == body_of(message)
    content = json.loads(body_of(message))
    assert set(content) == {"type", "timestamp", "data"}
    assert content["timestamp"] == "2026-03-01T12:00:00Z"
    assert content["data"]["afterSnapshotId"] is None


@pytest.mark.parametrize(
    "message",
    [
        of_change(uuid4(), told(summary="ß" * 30_000, title="t" * 30_000)),
        of_digest(uuid4(), [told(n, "ß" * 200) for n in range(300)]),
        of_digest(uuid4(), [told(0, "x" * 30_000)]),
        of_change(uuid4(), LONGEST),
        of_digest(uuid4(), [LONGEST]),
    ],
    ids=["change", "digest", "digest of one", "longest", "digest of the longest"],
)
def test_no_body_is_longer_than_it_may_be(message: Notification) -> None:
    body = body_of(message)
    assert len(body) <= MAX_BODY_LENGTH
    data = json.loads(body)["data"]
    if "changes" in data:
        assert data["count"] == len(data["changes"]) + data["omitted"]
        assert data["changes"]


def test_one_long_change_keeps_no_other_one_out_of_a_digest() -> None:
    many = told(0, prices=[price("Pro")] * 180)
    data = json.loads(body_of(of_digest(uuid4(), [many, told(1), told(2)])))["data"]
    assert (data["count"], data["omitted"]) == (3, 0)
    assert [len(each["prices"]) for each in data["changes"]] == [MAX_PRICES_IF_LONG, 0, 0]


def test_a_mail_shows_the_difference_in_text_and_html_and_belongs_to_the_thread_of_its_page() -> (
    None
):
    difference = compare("Pro costs <b>$10</b> a month.", "Pro costs <b>$12</b> a month.")
    mails = [
        mail_of(
            of_change(uuid4(), told(n)),
            {UUID(int=n + 1): difference},
            channel_id=CHANNEL,
            sender="diffy@shop.example",
            recipient="a@b.example",
            unsubscribe_url="https://diffy.example/unsubscribe/t?a=1&b",
        )
        for n in range(2)
    ]
    text, html = (part_of(mails[0], kind) for kind in ("plain", "html"))
    assert mails[0]["List-Unsubscribe"] == "<https://diffy.example/unsubscribe/t?a=1&b>"
    assert mails[0]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert 'href="https://diffy.example/unsubscribe/t?a=1&amp;b"' in html
    assert "- Pro costs <b>$10</b> a month.\n+ Pro costs <b>$12</b> a month." in text
    assert "https://shop.example/pricing?a=1&b=<2>" in text
    assert "<b>$10" not in html
    assert "<del" in html
    assert "&lt;b&gt;$10&lt;/b&gt;</del>" in html
    assert 'href="https://shop.example/pricing?a=1&amp;b=&lt;2&gt;"' in html
    assert mails[0]["Message-ID"] != mails[1]["Message-ID"]
    assert mails[0]["References"] == mails[1]["References"] == mails[0]["In-Reply-To"]
    assert mails[0]["To"] == "a@b.example"


def test_a_page_cannot_write_headers_of_a_mail() -> None:
    message = of_change(
        uuid4(), told(summary="New\r\nBcc: victim@example.com\x00\u2028" + "x" * 500)
    )
    mail = mail_of(
        message,
        {},
        channel_id=CHANNEL,
        sender="diffy@shop.example",
        recipient="a@b.example",
        unsubscribe_url=None,
    )
    assert mail["List-Unsubscribe"] is None
    assert mail["Bcc"] is None
    assert "\n" not in mail["Subject"]
    assert len(mail["Subject"]) <= 150


def test_a_test_and_a_digest_are_mails_too() -> None:
    for message, subject in (
        (of_test(uuid4(), CHANNEL, AT), "A test of Diffy"),
        (of_digest(uuid4(), [told(n) for n in range(150)]), "Changes: 150 changes"),
    ):
        mail = mail_of(
            message,
            {},
            channel_id=CHANNEL,
            sender="d@shop.example",
            recipient="a@b.example",
            unsubscribe_url="http://diffy.example/unsubscribe/t",
        )
        assert mail["List-Unsubscribe"] == "<http://diffy.example/unsubscribe/t>"
        assert mail["List-Unsubscribe-Post"] is None, "that asks for https"
        assert mail["Subject"] == subject
    assert "And 50 more changes." in part_of(mail, "plain")
