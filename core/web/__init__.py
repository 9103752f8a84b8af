"""The rules of the web: URLs, robots.txt, sitemaps, links, scope, page types."""
