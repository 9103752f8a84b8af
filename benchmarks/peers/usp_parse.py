"""Parses a sitemap with ultimate-sitemap-parser, for `benchmarks.performance`: usp_parse.py FILE.

Prints the URLs that it found and the seconds that it took, without the start of Python, as JSON.
"""

import json
import sys
import time
from pathlib import Path

from usp.tree import sitemap_from_str

content = Path(sys.argv[1]).read_text(encoding="utf-8")
began = time.monotonic()
urls = {page.url for page in sitemap_from_str(content).all_pages()}
print(json.dumps({"pages": len(urls), "seconds": time.monotonic() - began}))
