"""What a log may not show, in all the forms in which it comes."""

import json
import time

import pytest

from core.logs.redaction import HIDDEN, MAX_LENGTH, Redactor, passwords_in

KEY = "diffy_Ab3dEf6hIj9lMn2pQr5tUv8xYz1cDe4gHi7k"
TOKEN = "aGVsbG8td29ybGQ_0123456789-abcdefghijklmnop"
PASSWORD = "s3cr3t/w0rd"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"key {KEY} is refused", KEY),
        (f"Authorization: Bearer {KEY}", KEY),
        (f"authorization: {PASSWORD}", PASSWORD),
        (f"Proxy-Authorization: Basic {TOKEN}", TOKEN),
        (f"sent Bearer {TOKEN} twice", TOKEN),
        ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        (f"GET /api/jobs?Authorization=Bearer%20{TOKEN} failed", TOKEN),
        (f"GET /api/jobs?api_key={TOKEN}&limit=3", TOKEN),
        (f"GET /api/jobs?limit=3&key={TOKEN}", TOKEN),
        (f"https://site.example/?sig={TOKEN}#top", TOKEN),
        (f"GET /feeds/{TOKEN} failed", TOKEN),
        (f"'/feeds/{TOKEN}.xml'", TOKEN),
        (f"GET /unsubscribe/0f8fad5b.{TOKEN}.{TOKEN}", TOKEN),
        (f"https://user:{TOKEN}@site.example/path", TOKEN),
        (f"https://{TOKEN}@site.example/path", TOKEN),
        (f"//user:{TOKEN}@site.example", TOKEN),
        ("https://user:p@ss:word@site.example/", "p@ss:word"),
        ("cannot open postgresql+psycopg://diffy:hunter2@db:5432/diffy", "hunter2"),
        ("host=db password=hunter2 user=diffy", "hunter2"),
        ("host=db password='hunter 2' user=diffy", "hunter 2"),
        ("PGPASSWORD=hunter2", "hunter2"),
        ("DIFFY_SMTP_PASSWORD: hunter2", "hunter2"),
        ("DIFFY_SECRET_KEY=abcabcabc", "abcabcabc"),
        (f"Cookie: session={TOKEN}; theme=dark", TOKEN),
        (f'Set-Cookie: a="b{TOKEN}"; Path=/', TOKEN),
        (f"{{'Cookie': 'a={TOKEN}'}}", TOKEN),
        (f"(b'Cookie', b'a={TOKEN}')", TOKEN),
        (f"[(b'x-auth-token', b'{TOKEN}')]", TOKEN),
        (f'{{"password": "{PASSWORD}", "name": "x"}}', PASSWORD),
        ('{"password": "with \\" quote", "name": "x"}', "quote"),
        (f'"{{\\"secret\\": \\"{PASSWORD}\\"}}"', PASSWORD),
        (f'{{"password": "{PASSWORD}', PASSWORD),
        ('{"client_secret": 12345678}', "12345678"),
        (f"headers={{'X-Customer': '{PASSWORD}'}}", PASSWORD),
        (f"'headers': {{'X-Customer': 'a}}b', 'X-Other': '{PASSWORD}'}}", PASSWORD),
        (f"cookies=[('customer', '{PASSWORD}')]", PASSWORD),
        (f"Headers({{'set-cookie': 'a={PASSWORD}'}})", PASSWORD),
        (f"headers=Headers([('x', '{PASSWORD}')])", PASSWORD),
        (f'{{\\"headers\\": {{\\"X-A\\": \\"{PASSWORD}\\"}}}}', PASSWORD),
        (f"headers={{'X-Customer': '{PASSWORD}", PASSWORD),
        (f"signing with whsec_{TOKEN}", TOKEN),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3", "eyJzdWIiOiIxIn0"),
        ("https://hooks.slack.com/services/T00/B00/XXXXXXXX", "XXXXXXXX"),
        (f"https://discord.com/api/webhooks/123/{TOKEN}", TOKEN),
        (f"first line\nauthorization: {PASSWORD}\nthird", PASSWORD),
        (f"refresh_token%3D{TOKEN}", TOKEN),
        (f'password: "two {PASSWORD}"', PASSWORD),
        (f"passphrase: 'two {PASSWORD}'", PASSWORD),
        (f'my.own-api_key = "two {PASSWORD}"', PASSWORD),
    ],
)
def test_a_secret_is_hidden(line: str, secret: str) -> None:
    shown = Redactor().text(line)
    assert secret not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "line",
    [
        "job crawl:site.example/prices:0f8fad5b could not be published: UNAVAILABLE",
        "GET /api/feeds/0f8fad5b-d9cb-469f-a165-70867728950e answered 200",
        "GET '/api/keys' failed",
        "https://site.example/news?page=2&order=asc answers 503",
        "https://site.example/feeds/news.xml",
        "mail of someone@site.example",
        "diffy_http_request_seconds, diffy_temporal_call_seconds",
        "the basic rules apply to keys and tokens=5",
        "fairness_key=site.example",
        "API ended with code 1; starting it again in 2 s",
        '  File "store/keys.py", line 30, in hash_of\n    raise ValueError(key)',
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert Redactor().text(line) == line


def test_what_is_around_a_secret_stays() -> None:
    redact = Redactor().text
    assert redact("a https://u:p@h.example/x?q=1 b") == "a https://***@h.example/x?q=1 b"
    assert redact("headers={'X': 'y'} of page 7") == "headers={***} of page 7"
    assert redact("/x?token=abc&limit=3 failed") == "/x?token=***&limit=3 failed"


def test_known_secrets_are_hidden_wherever_they_are() -> None:
    redact = Redactor({"correct horse", "correct horse battery", "abc"}).text
    assert redact("it said: correct horse battery!") == "it said: ***!"
    quoted = "p\"q'r\\s99"
    for written in (repr(quoted), json.dumps(quoted)):
        assert "s99" not in Redactor({quoted}).text(f"it said {written}")
    # A word that short could be part of any other.
    assert redact("abc") == "abc"


def test_the_password_of_a_connection_string_is_known_in_both_its_forms() -> None:
    assert passwords_in("postgresql://diffy:p%40ss%2Fword@db/diffy") == {
        "p%40ss%2Fword",
        "p@ss/word",
    }
    for mark in "/?#":  # as SQLAlchemy reads it
        assert f"pa{mark}ss" in passwords_in(f"postgresql://diffy:pa{mark}ss@db/diffy")
    assert passwords_in("sqlite:////var/lib/diffy.db") == set()
    assert passwords_in("postgresql://diffy@db/diffy") == set()


def test_fields_are_judged_by_their_names_and_their_values() -> None:
    value = Redactor().value
    assert value("headers", {"X-Customer": "1"}) == HIDDEN
    assert value("smtp_password", "x") == HIDDEN
    assert value("smtp_password", None) is None
    assert value("milliseconds", 1.5) == 1.5
    assert value("asked", {"token": "x", "urls": ["https://u:p@h/"]}) == {
        "token": HIDDEN,
        "urls": ["https://***@h/"],
    }
    nested: object = "x"
    for _ in range(50):
        nested = [nested]
    assert "…" in str(value("deep", nested))
    assert value("error", ValueError(f"Bearer {TOKEN}")) == f"Bearer {HIDDEN}"


def test_a_long_text_is_cut_after_its_secrets_are_hidden() -> None:
    shown = Redactor().text(f"begin {KEY * 2_000} end")
    assert len(shown) < MAX_LENGTH + 100
    assert KEY[6:20] not in shown
    assert shown.startswith("begin")
    assert shown.endswith("end")


@pytest.mark.parametrize(
    "piece",
    ["token", "a", "'", '"', "\\", "//", "headers={", "/feeds/", "basic ", "x=", "eyJ", "-.", "a."],
)
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 40_000)[:40_000]
    began = time.process_time()
    Redactor({"known secret"}).text(text)
    assert time.process_time() - began < 5
