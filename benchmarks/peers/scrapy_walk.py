"""Walks a site with Scrapy. Run by `benchmarks.performance`: scrapy_walk.py ORIGIN CONCURRENCY.

Prints the pages that it found and the seconds that it took, without the start of Python, as JSON.
"""

import json
import sys
import time

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor

ORIGIN, CONCURRENCY = sys.argv[1], int(sys.argv[2])


FOUND: set[str] = set()


class Walk(scrapy.Spider):
    """Follows every link of the site."""

    name = "walk"
    start_urls = (f"{ORIGIN}/",)
    links = LinkExtractor()

    def parse(self, response):
        """Keep the page, and follow its links."""
        FOUND.add(response.url)
        for link in self.links.extract_links(response):
            if link.url.startswith(f"{ORIGIN}/"):
                yield response.follow(link.url, self.parse)


began = time.monotonic()
process = CrawlerProcess(
    {
        "LOG_ENABLED": False,
        "ROBOTSTXT_OBEY": True,
        "CONCURRENT_REQUESTS": CONCURRENCY,
        "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
        "DOWNLOAD_DELAY": 0,
        "TELNETCONSOLE_ENABLED": False,
    }
)
process.crawl(Walk)
process.start()
print(json.dumps({"pages": len(FOUND), "seconds": time.monotonic() - began}))
