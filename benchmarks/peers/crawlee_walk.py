"""Walks a site with Crawlee. Run by `benchmarks.performance`: crawlee_walk.py ORIGIN CONCURRENCY.

Prints the pages that it found and the seconds that it took, without the start of Python, as JSON.
"""

import asyncio
import json
import sys
import time
from datetime import timedelta

from crawlee import ConcurrencySettings
from crawlee.crawlers import ParselCrawler, ParselCrawlingContext
from crawlee.storage_clients import MemoryStorageClient

ORIGIN, CONCURRENCY = sys.argv[1], int(sys.argv[2])


async def walk() -> dict[str, float]:
    """Follow every link of the site."""
    found: set[str] = set()
    began = time.monotonic()
    crawler = ParselCrawler(
        storage_client=MemoryStorageClient(),
        concurrency_settings=ConcurrencySettings(
            min_concurrency=CONCURRENCY,
            max_concurrency=CONCURRENCY,
            desired_concurrency=CONCURRENCY,
        ),
        respect_robots_txt_file=True,
        configure_logging=False,
        statistics_log_format="inline",
        request_handler_timeout=timedelta(minutes=1),
    )

    @crawler.router.default_handler
    async def handle(context: ParselCrawlingContext) -> None:
        found.add(context.request.url)
        await context.enqueue_links(strategy="same-origin")

    await crawler.run([f"{ORIGIN}/"])
    return {"pages": len(found), "seconds": time.monotonic() - began}


print(json.dumps(asyncio.run(walk())))
