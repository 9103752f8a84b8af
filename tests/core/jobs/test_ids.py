"""The ids of workflows: readable, URL-safe, unique, and the same whenever they are made."""

import re
from uuid import UUID

import pytest

from core.jobs.ids import (
    MAX_SUBJECT,
    batch_job_id,
    batch_part,
    batch_workflow_id,
    job_id_of,
    page_of_batch_job,
    scheduled_id,
    subject_name,
)
from core.jobs.states import JobName

A, B = UUID(int=1), UUID(int=2)
PRICING = "https://shop.example/pricing"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://shop.example/", "shop.example"),
        (PRICING, "shop.example-pricing"),
        ("https://shop.example/plans.html?page=2&q=a+b", "shop.example-plans.html-page-2-q-a-b"),
        ("https://shop.example/%C3%9Cber/../%2e%2e", "shop.example-Uber-..-"),
        ("https://shop.example/価格", "shop.example"),
        ("http://[::1]:8080/x", "1-x"),
        ("http://127.0.0.1:8081/a'b\" OR 1=1", "127.0.0.1-a-b-OR-1-1"),
        ("shop.example", "shop.example"),
        ("https://shop.example/" + 200 * "a", ("shop.example-" + 200 * "a")[:MAX_SUBJECT]),
        ("", ""),
    ],
)  # fmt: skip
def test_a_subject_is_named_by_safe_signs(address: str, name: str) -> None:
    assert subject_name(address) == name.strip("-.")


def test_an_id_says_what_the_job_does_and_is_about() -> None:
    assert job_id_of(JobName.CRAWL_PAGE, A, PRICING) == f"crawl-shop.example-pricing-{A.hex}"
    assert job_id_of(JobName.DISCOVER_PAGES, A, "shop.example") == f"discover-shop.example-{A.hex}"
    assert batch_job_id(A, B, PRICING) == f"crawl-shop.example-pricing-{A.hex}-{B.hex}"
    assert batch_workflow_id(A, "shop.example") == f"batch-shop.example-{A.hex}"
    assert scheduled_id("crawl", B, PRICING) == f"crawl-shop.example-pricing-{B.hex}"


def test_ids_of_earlier_versions_are_made_as_they_were() -> None:
    assert job_id_of(JobName.CRAWL_PAGE, A) == f"crawl-{A.hex}"
    assert batch_job_id(A, B) == f"crawl-{A.hex}-{B.hex}"
    assert batch_workflow_id(A) == f"batch-{A.hex}"


def test_the_longest_id_is_safe_in_a_url_and_has_200_characters_at_most() -> None:
    long = "https://shop.example/" + 300 * "é/"
    scheduled = scheduled_id("discover", A, long) + "-2026-11-27T00:00:00Z"
    for made in (job_id_of(JobName.DISCOVER_PAGES, A, long), batch_job_id(A, B, long), scheduled):
        assert len(made) <= 200
        assert re.fullmatch(r"[A-Za-z0-9.:-]+", made)


def test_the_job_of_a_batch_is_known_by_batch_and_page() -> None:
    assert batch_job_id(A, B, PRICING) == batch_job_id(A, B, PRICING)
    assert batch_job_id(A, B, PRICING) != batch_job_id(B, A, PRICING)
    for url in (None, PRICING, "https://shop.example/a-b-c"):
        job_id = batch_job_id(A, B, url)
        assert page_of_batch_job(job_id) == B
        assert batch_part(A) in job_id
        assert batch_part(B) not in job_id


@pytest.mark.parametrize(
    "job_id",
    [
        "",
        "crawl-" + "0" * 32,
        "discover-1-" + "0" * 32,
        "crawl-1-2-" + "0" * 32,
        "crawl-1-é",
        job_id_of(JobName.CRAWL_PAGE, A, PRICING),
        scheduled_id("crawl", B, PRICING) + "-2026-11-27T00:00:00Z",
    ],
)
def test_other_ids_are_of_no_batch(job_id: str) -> None:
    assert page_of_batch_job(job_id) is None
