"""The web page: server-rendered HTML over the same functions as the REST API."""
