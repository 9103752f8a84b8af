"""A body that inflates to 1 GiB costs no memory to speak of."""

import re
from ctypes import CDLL
from pathlib import Path

import pytest

from activities.http.fetch import Fetcher, FetchLimits
from core.errors import PageTooLarge
from core.web.sitemaps import parse_sitemap
from tests.activities.behaviours import encoded
from tests.activities.bombs import ENCODINGS, INFLATED, bomb
from tests.site import FakeSite

MOST_GROWTH = 32 * 2**20


def memory(name: str) -> int:
    """Bytes that this process holds (VmRSS), or held at most since `forget_the_peak` (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def forget_the_peak() -> None:
    """Give back what is free, so that no free memory hides growth, and begin a new peak."""
    CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_a_bomb_grows_the_process_by_less_than_32_mib(
    fetcher: Fetcher, site: FakeSite, encoding: str
) -> None:
    body = bomb(encoding)
    assert len(body) < INFLATED / 100
    site.behave("/", encoded(encoding, body))
    forget_the_peak()
    before = memory("VmRSS")
    with pytest.raises(PageTooLarge):
        await fetcher.fetch(site.url("/"))
    assert memory("VmHWM") - before < MOST_GROWTH
    site.page("/next", "<p>here</p>")
    assert (await fetcher.fetch(site.url("/next"))).status == 200


async def test_the_start_of_a_bomb_may_be_taken(fetcher: Fetcher, site: FakeSite) -> None:
    site.behave("/", encoded("br", bomb("br")))
    limits = FetchLimits(max_body=2**20, truncate=True)
    assert (await fetcher.fetch(site.url("/"), limits=limits)).body == bytes(2**20)


def test_a_sitemap_that_is_a_bomb_is_read_as_far_as_a_sitemap_goes() -> None:
    body = bomb("gzip")
    forget_the_peak()
    before = memory("VmRSS")
    assert parse_sitemap(body).truncated
    assert memory("VmHWM") - before < MOST_GROWTH
