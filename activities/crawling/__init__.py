"""What a crawl is made of."""
