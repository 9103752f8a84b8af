"""Web standards and heuristics: URLs, robots.txt, sitemaps, links, scope, page types."""
