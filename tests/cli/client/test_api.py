"""The client of the REST API as the commands of `diffy` make it."""

import ssl

import httpx2
import pytest

from cli.client.api import Api
from cli.client.profiles import Connection


@pytest.mark.parametrize(
    ("url", "reads"),
    [
        ("http://127.0.0.1:8000", False),
        ("HTTP://diffy.example", False),
        ("https://diffy.example", True),
        ("HTTPS://127.0.0.1:8443", True),
    ],
)
def test_authorities_are_read_only_for_an_address_that_shows_a_certificate(
    url: str, reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    contexts: list[ssl.SSLContext] = []

    def context_of(*args: object, **options: object) -> ssl.SSLContext:
        # The fixture of all tests keeps one context.
        contexts.append(httpx2.create_ssl_context(*args, **options))  # type: ignore[arg-type]
        return contexts[-1]

    for name in ("load_verify_locations", "load_default_certs", "set_default_verify_paths"):
        monkeypatch.setattr(ssl.SSLContext, name, lambda *_, **__: loaded.append(url))
    monkeypatch.setattr("httpx2._transports.default.create_ssl_context", context_of)
    Api(Connection(url, "a-key")).close()
    assert bool(loaded) is reads
    assert contexts
    for context in contexts:
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
