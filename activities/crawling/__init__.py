"""The parts of a crawl: the check of one page, its fetch, its writes, its sibling pages."""
