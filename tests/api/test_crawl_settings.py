"""Crawl settings over REST: what is taken, what is shown, and what never is."""

from typing import Final

import pytest

from core.settings import Settings
from tests.system import System, running_system

UNSET = {
    "headers": None,
    "cookies": None,
    "userAgent": None,
    "watchSelector": None,
    "watchJsonPath": None,
    "ignoreSelectors": None,
    "render": None,
    "confirmAfterSeconds": None,
    "conditionalRequests": None,
    "masksOff": None,
    "compareLinks": None,
    "ignoreOrder": None,
    "frames": None,
    "ignoreText": None,
    "documentKind": None,
}
CHOSEN = {
    "headers": {"X-Token": "hunter2", "Accept-Language": "de"},
    "cookies": {"session": "hunter3"},
    "userAgent": "Mozilla/5.0",
    "watchSelector": "#pricing",
    "watchJsonPath": "$.plans[*].price",
    "ignoreSelectors": [".ad", "footer"],
    "render": "never",
    "confirmAfterSeconds": 60,
    "conditionalRequests": False,
    "masksOff": ["dates", "navigation"],
    "compareLinks": True,
    "ignoreOrder": False,
    "frames": "all",
    "ignoreText": ["# visitors", r"C\# and *"],
    "documentKind": "csv",
}
SHOWN = {**CHOSEN, "headers": ["Accept-Language", "X-Token"], "cookies": ["session"]}


async def new_page(system: System, **body: object) -> dict[str, object]:
    domain = await system.add_domain("competitor.com")
    url = "https://competitor.com/pricing"
    answer = await system.api.post(f"/api/domains/{domain.id}/pages", json={"url": url, **body})
    assert answer.status_code == 201, answer.text
    page: dict[str, object] = answer.json()["data"]
    return page


async def test_a_domain_takes_them_and_shows_the_names_of_secrets_only(system: System) -> None:
    asked = {"domain": "competitor.com", "crawlSettings": CHOSEN}
    added = await system.api.post("/api/domains", json=asked)
    assert (added.status_code, added.json()["data"]["crawlSettings"]) == (201, SHOWN), added.text
    path = f"/api/domains/{added.json()['data']['id']}"
    one, every = await system.api.get(path), await system.api.get("/api/domains")
    assert one.json()["data"]["crawlSettings"] == SHOWN
    assert "hunter" not in added.text + one.text + every.text
    changed = await system.api.patch(path, json={"crawlSettings": {"userAgent": None}})
    assert changed.json()["data"]["crawlSettings"] == {**SHOWN, "userAgent": None}


async def test_a_page_takes_them_and_a_change_touches_only_what_it_names(system: System) -> None:
    page = await new_page(system, crawlSettings=CHOSEN)
    assert page["crawlSettings"] == SHOWN
    path = f"/api/pages/{page['id']}"
    for body, expected in (
        ({}, SHOWN),
        ({"crawlSettings": None}, SHOWN),
        ({"crawlSettings": {}}, SHOWN),
        ({"crawlSettings": {"render": "always"}}, {**SHOWN, "render": "always"}),
        ({"crawlSettings": {"cookies": {}}}, {**SHOWN, "render": "always", "cookies": []}),
        ({"crawlSettings": dict.fromkeys(CHOSEN)}, UNSET),
    ):
        answer = await system.api.patch(path, json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["crawlSettings"] == expected
        assert (await system.api.get(path)).json()["data"]["crawlSettings"] == expected


@pytest.mark.sqlite
async def test_secrets_are_encrypted_at_rest(system: System, settings: Settings) -> None:
    await new_page(system, crawlSettings=CHOSEN)
    stored = b"".join(path.read_bytes() for path in settings.data_dir.glob("diffy.db*"))
    assert b"X-Token" in stored
    assert b"hunter" not in stored


BAD: Final[list[tuple[object, str, str]]] = [
    ({"headers": {"Host": "evil"}}, "headers", "Host cannot be set"),
    ({"headers": {"X": "hunter2\r\nY: z"}}, "headers", "printable ASCII"),
    ({"headers": {"X": 1}}, "headers.X", "string"),
    ({"headers": ["X"]}, "headers", "dictionary"),
    ({"cookies": {"a": "hunter2;"}}, "cookies", "RFC 6265"),
    ({"userAgent": "x\ny"}, "userAgent", "printable ASCII"),
    ({"userAgent": "x" * 257}, "userAgent", "256"),
    ({"watchSelector": "p["}, "watchSelector", "not a CSS selector"),
    ({"watchSelector": ":has(p)"}, "watchSelector", "not supported"),
    ({"watchSelector": ""}, "watchSelector", "at least 1"),
    ({"watchJsonPath": "plans"}, "watchJsonPath", "not a JSON path"),
    ({"watchJsonPath": "$[?match(@.a, 'a')]"}, "watchJsonPath", "length() only"),
    ({"watchJsonPath": ""}, "watchJsonPath", "at least 1"),
    ({"watchJsonPath": ["$"]}, "watchJsonPath", "string"),
    ({"ignoreSelectors": "p"}, "ignoreSelectors", "list"),
    ({"ignoreSelectors": ["p", "["]}, "ignoreSelectors.1", "not a CSS selector"),
    ({"ignoreSelectors": ["p"] * 21}, "ignoreSelectors", "at most 20"),
    ({"masksOff": "dates"}, "masksOff", "list"),
    ({"masksOff": ["date"]}, "masksOff.0", "dates"),
    ({"masksOff": ["dates"] * 14}, "masksOff", "at most 13"),
    ({"documentKind": "text/csv"}, "documentKind", "csv"),
    ({"compareLinks": "yes"}, "compareLinks", "boolean"),
    ({"ignoreOrder": 1}, "ignoreOrder", "boolean"),
    ({"ignoreText": "visitors"}, "ignoreText", "list"),
    ({"ignoreText": ["visitors", ""]}, "ignoreText.1", "at least 1"),
    ({"ignoreText": ["*"]}, "ignoreText.0", "at least 3 letters or digits"),
    ({"ignoreText": [r"\*\#- ab"]}, "ignoreText.0", "at least 3 letters or digits"),
    ({"ignoreText": ["a line\nand another"]}, "ignoreText.0", "Control"),
    ({"ignoreText": ["x" * 301]}, "ignoreText.0", "at most 300"),
    ({"ignoreText": ["visitors"] * 51}, "ignoreText", "at most 50"),
    ({"frames": True}, "frames", "site"),
    ({"frames": "some"}, "frames", "site"),
    ({"render": "sometimes"}, "render", "auto"),
    ({"confirmAfterSeconds": -1}, "confirmAfterSeconds", "greater than or equal to 0"),
    ({"confirmAfterSeconds": 3601}, "confirmAfterSeconds", "less than or equal to 3600"),
    ({"confirmAfterSeconds": True}, "confirmAfterSeconds", "valid integer"),
    ({"confirmAfterSeconds": 1.5}, "confirmAfterSeconds", "valid integer"),
    ({"confirmAfterSeconds": 60.0}, "confirmAfterSeconds", "valid integer"),
    ({"confirmAfterSeconds": "60"}, "confirmAfterSeconds", "valid integer"),
    ({"proxy": "x"}, "proxy", "no field of this name"),
    ("x", "", "object"),
]


async def test_a_bad_choice_is_named_repeated_nowhere_and_changes_nothing(
    system: System,
) -> None:
    page = await new_page(system)
    for path in (f"/api/pages/{page['id']}", f"/api/domains/{page['domainId']}"):
        before = (await system.api.get(path)).json()
        for chosen, field, says in BAD:
            answer = await system.api.patch(path, json={"crawlSettings": chosen})
            name = f"crawlSettings.{field}".removesuffix(".")
            assert answer.status_code == 400, answer.text
            assert list(answer.json()["details"]) == [name]
            assert says in answer.json()["details"][name]
            assert "hunter" not in answer.text
        assert (await system.api.get(path)).json() == before


async def test_without_a_key_secrets_are_refused_and_the_rest_is_taken(
    system: System, settings: Settings
) -> None:
    page = await new_page(system)
    own = {"database_url": settings.resolved_database_url, "secret_key": None}
    async with running_system(settings.model_copy(update=own)) as keyless:
        keyless.api.headers["Authorization"] = system.api.headers["Authorization"]
        path = f"/api/pages/{page['id']}"
        refused = await keyless.api.patch(path, json={"crawlSettings": {"headers": {"X": "y"}}})
        assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
        assert "DIFFY_SECRET_KEY is not set" in refused.json()["error"]
        taken = await keyless.api.patch(path, json={"crawlSettings": {"render": "never"}})
        assert taken.json()["data"]["crawlSettings"] == {**UNSET, "render": "never"}
