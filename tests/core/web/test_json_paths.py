"""Validation of JSON paths (RFC 9535), and what they select."""

import json

import pytest
from pydantic_core import PydanticCustomError

from core.errors import JsonPathTooCostly
from core.text.blocks import to_text
from core.text.visible_text import content_blocks
from core.web import json_paths
from core.web.documents import NoJson, json_part
from core.web.json_paths import MAX_MATCHES, check_json_path, selected_values
from tests.cost import cost

DATA = {
    "plans": [
        {"name": "Free", "usd": 0, "tags": []},
        {"name": "Pro", "usd": 19.5, "old": None, "tags": ["a", "b"]},
    ],
    "at": "2026-05-01T10:00:00Z",
    "odd name": {"": True},
}


def text(path: str, data: object = DATA) -> str | None:
    """The text that is compared; None if the path selects nothing."""
    html = json_part(json.dumps(data), check_json_path(path))
    return None if html is None else to_text(content_blocks(html))


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$.plans[*].usd", "plans[].usd: 0\nplans[].usd: 19.5"),
        ("$.plans[-1]['name', 'usd']", "plans[].name: Pro\nplans[].usd: 19.5"),
        ("$..name", "plans[].name: Free\nplans[].name: Pro"),
        ("$.plans[?@.usd > 5].name", "plans[].name: Pro"),
        ("$.plans[?@.name == 'Free' || !@.usd].usd", "plans[].usd: 0"),
        ("$.plans[?length(@.tags) == 2].name", "plans[].name: Pro"),
        ("$.plans[1:].old", "plans[].old: null"),
        ("$['odd name']['']", "odd name.: true"),
        ("$.plans[0].tags", "plans[].tags: []"),
        ("$.plans[1].tags", "plans[].tags[]: a\nplans[].tags[]: b"),
        ("$..[?@.usd == 0]..*", "plans[].name: Free\nplans[].usd: 0\nplans[].tags: []"),
        ("$.prices", None),
        ("$.plans[7]", None),
        ("$.at.year", None),
    ],
)
def test_what_a_path_selects_is_compared_once_with_its_place(
    path: str, selected: str | None
) -> None:
    assert text(path) == selected


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"jobs": {"open": []}}, "jobs.open: []"), ({"jobs": {"open": {}}}, "jobs.open: {}"),
        ({"jobs": [{"t": []}]}, "jobs[].t: []"), ({"jobs": [[], ["x"]]}, "jobs[]: []\njobs[][]: x"),
    ],
)  # fmt: skip
def test_a_list_that_is_empty_is_there_however_deep(data: object, shown: str) -> None:
    assert text("$.jobs", data) == shown


def test_all_of_a_document_can_be_selected_also_one_value() -> None:
    assert text("$", "open") == "open"
    assert text("$.a", "open") is None
    assert text("$", []) == "[]"
    assert text("$..*", ["\ud800"]) is not None
    places = [place for place, _ in selected_values({"a": [[1]]}, "$..*")]
    assert places == [("a",)], "what is inside of a selected part is not selected again"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        *((each, "not a JSON path") for each in (
            "", "plans", "$.", "$ ", " $", "$[", "$['a", "$.a|$.b", "$.a & $.b", "^", "$.~", "$[?]",
            "$[?@.a =~ /x/]", "$[?@.a in [1]]", "$[?foo(@)]", "$[?@.a == 1e999]", "$[1.5]", "$[?1]",
            "$[9007199254740993]", "$[?length(@.*) > 1]", "//a", "<p>",
        )),
        ("$..a..b..c", "2 times"),
        ("$[0,1][0,1][0,1][0,1][0,1]", "too many alternatives"),
        ("$[?match(@.a, '(a+)+b')]", "length() only"),
        ("$[?search(@.a, '(a+)+b')]", "length() only"),
        ("$[?count(@.a) > 1]", "length() only"),
        ("$[?$.a]", "current item only"),
        ("$[?@..a]", "current item only"),
        ("$[?@.a[?@.b]]", "current item only"),
        ("$[?@[0, 1]]", "current item only"),
        ("$[?" + " && ".join(["@.a == 1"] * 20) + "]", "30 terms"),
        ("$[?" + "!" * 400 + "@.a]", "30 terms"),
        ("$." + "a" * 500, "500 characters"),
        ("$" + "[?@" * 120 + "]" * 120, "current item only"),
    ],
)  # fmt: skip
def test_what_is_no_path_or_takes_too_long_is_refused(path: str, says: str) -> None:
    with pytest.raises(PydanticCustomError, match=says.replace("(", r"\(").replace(")", r"\)")):
        check_json_path(path)


@pytest.mark.parametrize("body", ["", "<p>", "{", "[1,", "9" * 5_000, "[" * 100_000])
def test_what_is_no_json_has_no_part(body: str) -> None:
    with pytest.raises(NoJson):
        json_part(body, "$..*")


def test_of_json_lines_a_path_selects_in_their_list() -> None:
    part = json_part('{"usd": 19}\n\n{"usd": 99}\n', "$[*].usd")
    assert part is not None
    assert part.count("<p ") == 2


def test_a_deep_and_a_large_document_are_read_within_limits() -> None:
    deep = "[" * 900 + "]" * 900
    assert json_part(deep, "$..a") is None
    assert json_part(deep, "$..*..*") is not None
    large = json.dumps([{"a": {"b": number}} for number in range(30_000)])
    for path in ("$..b", "$..*..*", "$[?@.a.b > 1]..b", "$[0,0][0,0][0,0]"):
        _, million = cost(lambda path=path: json_part(large, path))  # type: ignore[misc]
        assert million < 200, path


def nested(depth: int, width: int) -> dict[str, object]:
    data: dict[str, object] = {"v": 1}
    for number in range(depth):
        data = {"a": data, "v": [1] * width, "b": [{"v": number}] * width}
    return data


@pytest.mark.parametrize("path", ["$..a..none", "$..a..[?@.v == 0]", "$..*[?length(@.v) > 9]..x"])
def test_a_path_that_looks_at_too_much_of_a_document_says_so(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took 38 s for a document of 1 MB, until the time for a document ended."""
    monkeypatch.setattr(json_paths, "MAX_LOOKS", 20_000)
    with pytest.raises(JsonPathTooCostly, match=r"^This watchJsonPath looks at .* 20,000 places"):
        selected_values(nested(49, 30), check_json_path(path))


def test_paths_of_large_documents_are_followed_within_the_limit() -> None:
    shop = [{"plan": {"name": "Pro", "price": n, "tags": ["a", "b"]}} for n in range(25_000)]
    for path in ("$..price", "$..plan..price", "$[?@.plan.price >= 0].plan.name"):
        assert len(selected_values(shop, check_json_path(path))) == MAX_MATCHES


def test_long_names_in_a_document_cost_no_more_than_short_ones() -> None:
    data: dict[str, object] = {}
    for _ in range(40):
        data = {"n" * 20_000: data, **{f"k{n}": {} for n in range(500)}}
    _, million = cost(lambda: selected_values(data, "$..none"))
    assert million < 20
