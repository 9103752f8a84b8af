"""`diffy import` and `diffy export`: what each kind of file gives, and what is not believed."""

import csv
import gzip
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cli.client.api import Api, Row
from cli.client.imports.items import MAX_FILE_SIZE, BadFile, Item
from cli.client.imports.reading import FileKind, items_of, kind_of, own_rows
from cli.client.output import plain_field
from store.keys import create_key
from tests.cli.client.conftest import Installed, Shop
from tests.cli.command import diffy

SITEMAP: Final = (
    '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    "<url><loc>https://a.example/</loc></url><url><loc>https://a.example/b?x=1&amp;y=2</loc></url>"
    "</urlset>"
)
OPML: Final = (
    '<opml version="2.0"><body><outline text="Rivals"><outline text="A" category="/news/tech,x" '
    'htmlUrl="https://a.example/" xmlUrl="https://a.example/feed"/><outline text="B" '
    'xmlUrl="https://b.example/feed"/></outline></body></opml>'
)
JOBS: Final = """\
name: Prices
url: https://a.example/prices
filter:
  - css:
      selector: main .price
      exclude: .ad
      skip: 1
  - html2text
  - element-by-id: plans
  - re.sub: x
tags: [Plans, rivals]
---
navigate: https://a.example/app
enabled: false
---
command: ls
---
url: https://a.example/old
filter: css:h1,html2text,sort
headers: {Cookie: secret}
"""
WATCH: Final = {
    "url": "https://a.example/prices",
    "title": "Prices",
    "tags": ["t1"],
    "tag": "old, older",
    "paused": True,
    "fetch_backend": "html_webdriver",
    "include_filters": ["main", "xpath://div", "css:.plan", "json:$.x"],
    "subtractive_selectors": [".ad", "div:has(p)"],
    "time_between_check_use_default": False,
    "time_between_check": {"weeks": None, "days": None, "hours": 1, "minutes": 30, "seconds": None},
    "trigger_text": ["sold out"],
    "headers": {"Authorization": "secret"},
    "method": "POST",
    "sort_text_alphabetically": True,
    "ignore_text": ["viewers  now", "/\\d+ left/i", "5* rated #1", "ok", "5* rated #1"],
}
INDEX: Final = {
    "watching": {"w1": WATCH},
    "settings": {"application": {"tags": {"t1": {"title": "Rivals"}}}},
}
DISTILL: Final = {
    "client": {"local": 1},
    "data": [
        {
            "uri": "https://a.example/prices",
            "name": "Prices",
            "tags": ["Rivals"],
            "schedule": '{"type":"INTERVAL","params":{"interval":120}}',
            "config": json.dumps(
                {
                    "selections": [
                        {
                            "frames": [
                                {
                                    "includes": [
                                        {"type": "css", "expr": "main"},
                                        {"type": "xpath", "expr": "//p"},
                                    ],
                                    "excludes": [{"type": "css", "expr": ".ad"}],
                                }
                            ]
                        }
                    ]
                }
            ),
        }
    ],
}


def read(path: Path, content: str | bytes) -> tuple[FileKind, list[Item]]:
    """The kind of a file with that content, and its pages."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    kind = kind_of(path)
    return kind, list(items_of(path, kind))


def bodies(items: list[Item]) -> list[Any]:
    """The pages as they are sent."""
    return [item.body for item in items]


def test_a_text_has_an_address_a_line_and_tags_after_it(tmp_path: Path) -> None:
    kind, items = read(
        tmp_path / "urls",
        "\ufeff# mine\r\nhttps://a.example/\r\n\r\n https://b.example/x Plans, old one \n",
    )
    assert kind is FileKind.TEXT
    assert bodies(items) == [
        {"url": "https://a.example/"},
        {"url": "https://b.example/x", "tags": ["plans", "old one"]},
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("# my url, tags\nhttps://a.example/ x\n", [("https://a.example/", ["x"])]),
        ("https://a.example/?back=url,1\n", [("https://a.example/?back=url,1", [])]),
        ("https://a.example/\tx, y\n", [("https://a.example/", ["x", "y"])]),
        ("https://a.example/url;1 \t x\n", [("https://a.example/url;1", ["x"])]),
        ("my url, tags\n", [("my", ["url", "tags"])]),
    ],
)
def test_a_text_is_not_taken_for_a_table(
    tmp_path: Path, content: str, expected: list[tuple[str, list[str]]]
) -> None:
    kind, items = read(tmp_path / "urls", content)
    assert kind is FileKind.TEXT
    assert [(item.url, item.tags) for item in items] == expected


@pytest.mark.parametrize("header", ["url,tags", '"URL";name', "name\tUri", "url", "name, url "])
def test_a_table_is_known_by_its_header(tmp_path: Path, header: str) -> None:
    path = tmp_path / "list"
    path.write_text(f"{header}\n")
    assert kind_of(path) is FileKind.CSV


@pytest.mark.parametrize(
    "content",
    [
        'name,URL,Tags\nA,https://a.example/,"x, y"\nB,,z\n',
        "Tags;url\nx, y;https://a.example/\n",
        'url,tags\nhttps://a.example/,"[""x"", ""y""]"\n',
        'url,tags\nhttps://a.example/,"[x, y]"\n',
        "\r\nid;notes, more;url;tags\r\n1;a, b;https://a.example/;x, y\r\n",
        'tags\turl\n"x, y"\thttps://a.example/\n',
    ],
)
def test_a_table_has_columns_by_their_names(tmp_path: Path, content: str) -> None:
    kind, items = read(tmp_path / "list.csv", content)
    assert kind is FileKind.CSV
    assert bodies(items) == [{"url": "https://a.example/", "tags": ["x", "y"]}]


def test_a_table_without_a_header_has_addresses_first(tmp_path: Path) -> None:
    _, items = read(tmp_path / "list.csv", "https://a.example/,x\nhttps://b.example/,y\n")
    assert [item.url for item in items] == ["https://a.example/", "https://b.example/"]
    with pytest.raises(BadFile, match="no column named url"):
        read(tmp_path / "list.csv", "name,site\nA,B\n")


def test_a_table_whose_tags_begin_late_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "pages.csv"
    wanted = [["plans", "eu"] if number >= 150 else [] for number in range(300)]
    urls = [f"https://a.example/{'plans/' * 10}{number}" for number in range(300)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "url", "tags", "status"])
        for url, tags in zip(urls, wanted, strict=True):
            writer.writerow(["1", url, plain_field(tags), "active"])
    items = list(items_of(path, kind_of(path)))
    assert [item.url for item in items] == urls
    assert [item.tags for item in items] == wanted


def test_a_sitemap_and_a_compressed_one(tmp_path: Path) -> None:
    for content in (SITEMAP.encode(), gzip.compress(SITEMAP.encode())):
        kind, items = read(tmp_path / "sitemap.xml", content)
        assert kind is FileKind.XML
        assert [item.url for item in items] == ["https://a.example/", "https://a.example/b?x=1&y=2"]


def test_opml_has_folders_and_categories_as_tags(tmp_path: Path) -> None:
    _, [first, second] = read(tmp_path / "feeds.opml", OPML)
    assert first.body == {"url": "https://a.example/", "tags": ["rivals", "news/tech", "x"]}
    assert second.url == "https://b.example/feed"
    assert second.left_out == ["only its feed is known, which is watched as a page"]


@pytest.mark.parametrize("suffix", ["", ".yaml"])
def test_jobs_of_urlwatch_and_webchanges(tmp_path: Path, suffix: str) -> None:
    kind, items = read(tmp_path / f"jobs{suffix}", JOBS)
    assert kind is FileKind.URLWATCH
    prices, app, command, old = items
    assert prices.body == {
        "url": "https://a.example/prices",
        "tags": ["plans", "rivals"],
        "crawlSettings": {
            "watchSelector": "main .price",
            "ignoreSelectors": [".ad"],
        },
    }
    assert prices.left_out == [
        "skip of its css filter",
        "its filter element-by-id: it selects within what another filter has selected, and a page "
        "has one selection",
        "its filter re.sub",
        "its name",
    ]
    assert app.body == {
        "url": "https://a.example/app",
        "monitoringEnabled": False,
        "crawlSettings": {"render": "always"},
    }
    assert command.body is None
    assert command.left_out == ["the job 'ls': only jobs with a URL are pages"]
    assert old.body == {
        "url": "https://a.example/old",
        "crawlSettings": {"watchSelector": "h1", "ignoreOrder": True},
    }
    assert old.left_out == ["its headers"]


def test_each_limit_of_selectors_is_that_of_the_api() -> None:
    long = [f"#a{number}{'x' * 440}" for number in range(25)]
    item = Item("https://a.example/", watch=["main", ".plan"], ignore=long)
    assert item.body == {
        "url": "https://a.example/",
        "crawlSettings": {"watchSelector": "main, .plan", "ignoreSelectors": long[:20]},
    }
    [said] = item.left_out
    assert said.startswith("a page ignores 20 selectors at most, so not '#a20xxx")
    item = Item("https://a.example/", watch=long[:2], ignore=["p,\n.ad", "\x00", "\ud800"])
    assert item.body == {
        "url": "https://a.example/",
        "crawlSettings": {"ignoreSelectors": ["p, .ad"]},
    }
    assert item.left_out == [
        "its selectors are longer than 500 characters together",
        "the selector '\\x00': It has characters that cannot be shown",
        "the selector '\\ud800': It has characters that cannot be shown",
    ]


def test_jobs_of_webchanges_as_json(tmp_path: Path) -> None:
    kind, items = read(
        tmp_path / "jobs.json", '[{"url": "https://a.example/", "filters": [{"css": "p"}]}]'
    )
    assert kind is FileKind.URLWATCH
    assert bodies(items) == [{"url": "https://a.example/", "crawlSettings": {"watchSelector": "p"}}]


def archive(path: Path, files: dict[str, Any]) -> Path:
    """A backup with those files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path


def backups(folder: Path) -> Iterator[Path]:
    """The same watch as older and newer versions of changedetection.io keep it."""
    whole = folder / "url-watches.json"
    whole.write_text(json.dumps(INDEX, indent=2))
    yield whole
    yield archive(folder / "old.zip", {"url-watches.json": INDEX, "w1/1.txt.br": b"\0"})
    yield archive(
        folder / "new.zip",
        {"changedetection.json": {}, "w1/watch.json": WATCH, "t1/tag.json": {"title": "Rivals"}},
    )


def test_backups_of_changedetection(tmp_path: Path) -> None:
    for path in backups(tmp_path):
        assert kind_of(path) is FileKind.CHANGEDETECTION
        [item] = items_of(path, FileKind.CHANGEDETECTION)
        assert item.body == {
            "url": "https://a.example/prices",
            "tags": ["rivals", "old", "older"],
            "monitoringEnabled": False,
            "schedule": {"everyMinutes": 90},
            "crawlSettings": {
                "render": "always",
                "ignoreOrder": True,
                "watchSelector": "main, .plan",
                "ignoreSelectors": [".ad"],
                "ignoreText": ["*viewers now*", r"*5\* rated \#1*"],
            },
        }, path
        said = "; ".join(item.left_out)
        for each in ("xpath://div", "json:$.x", "its method", "its headers", "its trigger_text",
                     "its title", "div:has(p)", "left/i': there are no regular expressions here",
                     "'ok': A text to ignore has at least 3 letters"):  # fmt: skip
            assert each in said
        assert "secret" not in said


def test_texts_that_a_page_cannot_ignore_are_named(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(51)]
    for ignored, kept, sentence in (
        (["x" * 300], [], "it has more than 300 characters"),
        (texts, [f"*{each}*" for each in texts[:50]], "'text 50': a page ignores 50 texts at most"),
        (["a\u0007b c d"], [], "characters that cannot be shown"),
    ):
        watch = {"url": "https://a.example/", "ignore_text": ignored}
        _, [item] = read(tmp_path / "backup", json.dumps({"watching": {"w": watch}}))
        settings = {"crawlSettings": {"ignoreText": kept}} if kept else {}
        assert item.body == {"url": "https://a.example/", **settings}
        [said] = item.left_out
        assert sentence in said


@pytest.mark.parametrize(
    ("include", "settings", "left_out"),
    [
        (["json:$.a"], {"watchJsonPath": "$.a"}, []),
        (["json: $.plans[*].price"], {"watchJsonPath": "$.plans[*].price"}, []),
        (["json:a"], {}, ["the selector 'json:a': This is not a JSON path (RFC 9535), such as "
                          "$.plans[*].price"]),
        (["json:"], {}, ["the selector 'json:': This is not a JSON path (RFC 9535), such as "
                         "$.plans[*].price"]),
        (["json:$['\ud800']"], {},
         ["the selector \"json:$['\\ud800']\": It has characters that cannot be shown"]),
        (["json:$.a", "json:$.b"], {},
         [f"the selector 'json:$.{name}': a JSON path is watched alone, and not beside other "
          "selectors" for name in "ab"]),
        (["json:$.a", "main"], {"watchSelector": "main"},
         ["the selector 'json:$.a': a JSON path is watched alone, and not beside other selectors"]),
        (["jq:.a"], {}, ["the selector 'jq:.a': there is no jq here"]),
        (["//div"], {}, ["the selector '//div': there is no XPath here"]),
    ],
)  # fmt: skip
def test_a_json_path_is_watched_if_it_is_alone(
    tmp_path: Path, include: list[str], settings: dict[str, str], left_out: list[str]
) -> None:
    watch = {"url": "https://a.example/", "include_filters": include}
    _, [item] = read(tmp_path / "backup", json.dumps({"watching": {"w": watch}}))
    expected = {"crawlSettings": settings} if settings else {}
    assert item.body == {"url": "https://a.example/", **expected}
    assert item.left_out == left_out
    watch = {"url": "https://a.example/", "subtractive_selectors": ["json:$.a"]}
    _, [item] = read(tmp_path / "backup", json.dumps({"watching": {"w": watch}}))
    assert item.left_out == ["the selector 'json:$.a': a JSON path can be watched, and not ignored"]


def test_monitors_of_distill(tmp_path: Path) -> None:
    kind, [item] = read(tmp_path / "distill.json", json.dumps(DISTILL, indent=1))
    assert kind is FileKind.DISTILL
    assert item.body == {
        "url": "https://a.example/prices",
        "tags": ["rivals"],
        "schedule": {"everyMinutes": 5},
        "crawlSettings": {"watchSelector": "main", "ignoreSelectors": [".ad"]},
    }
    said = "; ".join(item.left_out)
    assert "every 5 minutes, not 2" in said
    assert "xpath://p" in said
    assert "its name" in said


def every(content: str) -> str:
    """An export of Distill with a page of that interval."""
    schedule = f'{{"params": {{"interval": {content}}}}}'
    return f'{{"data": [{{"uri": "https://a.example/", "schedule": {schedule}}}]}}'


def between(content: str) -> str:
    """A backup of changedetection.io with a page of that time between checks."""
    return (
        '{"watching": {"w": {"url": "https://a.example/", "time_between_check_use_default": false, '
        f'"time_between_check": {content}}}}}}}'
    )


@pytest.mark.parametrize(
    ("content", "minutes", "left_out"),
    [
        (every("1e999"), None, ["its interval, which is no number"]),
        (every("NaN"), None, ["its interval, which is no number"]),
        (every("1" * 400), None, ["its interval, which is no number"]),
        (every("1e300"), 525_600, ["it is checked every 525600 minutes, not 1.66666666667e+298"]),
        (every("-1e999"), None, ["its schedule"]),
        (every("true"), None, ["its schedule"]),
        (every("[[600]]"), None, ["its schedule"]),
        (between('{"minutes": NaN}'), None, ["its interval, which is no number"]),
        (between(f'{{"minutes": 0.5, "weeks": {"1" * 400}}}'), None,
         ["its interval, which is no number"]),
        (between('{"weeks": true, "hours": [1], "minutes": 90}'), 90, []),
        (between("[[1]]"), None, []),
        ("- url: https://a.example/\n  filter: 5\n", None,
         ["its filter, which is no list of filters"]),
        ("- url: https://a.example/\n  filter: true\n", None,
         ["its filter, which is no list of filters"]),
        ("- url: https://a.example/\n  filter: 2024-01-01\n", None,
         ["its filter, which is no list of filters"]),
        ("- url: https://a.example/\n  filter: [[[css, p]], 5, .nan]\n", None,
         ["its filter [['css', 'p']]", "its filter 5", "its filter nan"]),
        ("- url: https://a.example/\n  filter: {css: {selector: [p]}}\n  tags: {a: 1}\n", None,
         ["its filter css"]),
    ],
)  # fmt: skip
def test_a_value_that_no_tool_writes_is_left_out_with_a_sentence(
    tmp_path: Path, content: str, minutes: int | None, left_out: list[str]
) -> None:
    _, [item] = read(tmp_path / "export", content)
    schedule = {} if minutes is None else {"schedule": {"everyMinutes": minutes}}
    assert item.body == {"url": "https://a.example/", **schedule}
    assert item.left_out == left_out


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.yaml", "a: &a [x]\nb: &b [*a, *a]\nurl: *b\n", "aliases"),
        ("x.yaml", "url: !!python/object/apply:os.system ['true']\n", "tags"),
        ("x.yaml", "url: " + "[" * 5_000, "nested too deeply"),
        ("x.yaml", "url: 2024-99-99\n", "cannot be read: one of its values is not valid"),
        ("x.yaml", "url: !!bool x\n", "cannot be read: one of its values is not valid"),
        ("x.yaml", "url: !!timestamp x\n", "cannot be read: one of its values is not valid"),
        ("x.yaml", f"url: {'9:' * 400}9.5\n", "cannot be read: one of its values is not valid"),
        ("x.yaml", f"name: {'9:' * 3_000}9\n", "cannot be read: one of its values is not valid"),
        ("x.yaml", "name: a\n? [b]\n: c\n", "cannot be read in line 2"),
        ("x.yaml", "url: =\n", "cannot be read in line 1"),
        ("x.yaml", "url: !mine x\n", "tags"),
        ("x.yaml", "url: [\n", "in line 2"),
        ("x.yaml", "just text\n", "no jobs"),
        ("x.json", "[" * 100_000, "no JSON"),
        ("x.json", '{"a": 1}', "none of the tools"),
        ("x.xml", '<!DOCTYPE u [<!ENTITY a "b">]><urlset><url><loc>&a;</loc></url></urlset>',
         "entities"),
        ("x.xml", '<!DOCTYPE o [<!ENTITY a SYSTEM "file:///etc/passwd">]><opml>&a;</opml>',
         "entities"),
        ("x.opml", "<opml><body>", "OPML"),
        ("x.xml", "<urlset></urlset>", "sitemap"),
        ("x.xml", SITEMAP.replace("urlset", "sitemapindex").replace("url>", "sitemap>"), "index"),
        ("x.zip", b"PK\x03\x04broken", "no JSON"),
        ("x.txt", b"https://a.example/\xff", "UTF-8"),
        ("x.txt", b"h" * (MAX_FILE_SIZE + 1), "larger than 50 MiB"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(
    tmp_path: Path, name: str, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(BadFile, match=sentence):
        read(tmp_path / name, content)


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    bomb = archive(
        tmp_path / "bomb.zip",
        {f"{n}/watch.json": b'{"a": "' + b"x" * (20 * 2**20) + b'"}' for n in range(3)},
    )
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(BadFile, match="unpacks to more than 50 MiB"):
        list(items_of(bomb, kind_of(bomb)))
    empty = archive(tmp_path / "empty.zip", {"photo.jpg": b"x"})
    with pytest.raises(BadFile, match="no watches"):
        list(items_of(empty, kind_of(empty)))


def test_a_line_of_an_export_is_bounded_and_known(tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    good = '{"type": "page", "url": "https://a.example/"}\n'
    for bad, sentence in (
        (good + "x" * (2**20 + 1), "Line 2 is longer"),
        (good + "{}", "Line 2 is not of an export"),
        (good + "[", "line 2"),
        (good + '{"type": ["page"]}', "Line 2 is not of an export"),
        *(
            (good + row, "Line 2 has a value that no export has")
            for row in (
                '{"type": "page"}',
                '{"type": "page", "url": 5}',
                '{"type": "page", "url": "x", "tags": 5}',
                '{"type": "page", "url": "x", "schedule": {"everyMinutes": NaN}}',
                '{"type": "page", "url": "x", "schedule": {"everyMinutes": 1e999}}',
                r'{"type": "page", "url": "\ud800"}',
                '{"type": "domain", "domain": [1]}',
                '{"type": "alert", "name": "x", "channels": 5}',
                '{"type": "alert", "name": "x", "channels": [["c"]]}',
                '{"type": "alert", "name": "x", "on": 5}',
                '{"type": "alert", "name": "x", "pages": true}',
            )
        ),
    ):
        path.write_text(bad)
        assert kind_of(path) is FileKind.OWN
        with pytest.raises(BadFile, match=sentence):
            list(own_rows(path))


async def test_an_import_tells_each_verdict_and_ends_with_1_if_one_was_refused(
    installed: Installed, tmp_path: Path
) -> None:
    path = tmp_path / "urls.txt"
    path.write_text("https://verdict.example/a\nhttps://verdict.example/a\nmailto:x\n")
    ran = await installed.run("import", str(path), "--no-add-domains")
    assert ran.returncode == 1
    assert ran.stdout.count("refused") == 3
    assert "verdict.example is no domain of yours" in ran.stdout
    ran = await installed.run("import", str(path), "--dry-run")
    assert ran.returncode == 0
    assert ran.stdout.count("not sent") == 3
    assert "these would be sent: 0 domains, 3 pages, 0 alerts." in ran.stderr
    ran = await installed.run("import", str(path), "--tag", "Moved")
    assert [line.split("\t")[1] for line in ran.stdout.splitlines()] == [
        "added", "known", "refused",
    ]  # fmt: skip
    assert "1 added, 1 known, 1 refused; 1 domains are new." in ran.stderr
    [page] = await installed.json("pages", "list", "verdict.example")
    assert page["tags"] == ["moved"]


def imported(_: Api, path: str, body: Row | None = None) -> Any:
    """The answer of an API that has nothing and takes everything, in its bounds."""
    assert body is not None
    assert path == "/api/pages/import"
    urls = [page["url"] for page in body["pages"]]
    names = [domain["domain"] for domain in body["domains"]]
    sites = {*names, *({url.split("/")[2] for url in urls} if body["addDomains"] else ())}
    sizes.append((len(names), len(urls), len(sites)))
    return {
        "domains": [{"domain": name, "verdict": "added"} for name in names],
        "pages": [{"url": url, "verdict": "added", "pageId": url} for url in urls],
    }


sizes: list[tuple[int, int, int]] = []


def test_a_call_makes_a_hundred_domains_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Api, "post", imported)
    path = tmp_path / "file"
    pages = [f"https://{number}.example/{page}" for page in "ab" for number in range(250)]
    path.write_text("\n".join(pages))

    def calls(*options: str) -> list[tuple[int, int, int]]:
        sizes.clear()
        url = "http://127.0.0.1:9"
        ran = diffy(
            "import", str(path), *options, data_dir=tmp_path, DIFFY_URL=url, DIFFY_API_KEY="x"
        )
        assert ran.returncode == 0, ran.stderr
        assert "500 added" in ran.stderr
        return sizes

    # The second pages are of sites that are known by then.
    assert calls() == [(0, 100, 100), (0, 100, 100), (0, 300, 250)]
    assert calls("--no-add-domains") == [(0, 500, 0)]
    rows = [{"type": "domain", "domain": f"{number}.example"} for number in range(250)]
    rows += [{"type": "page", "url": url} for url in pages]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert [names for names, _, _ in calls()] == [100, 100, 50]


async def test_a_call_that_fails_names_the_row_and_keeps_the_report_of_what_was_done(
    installed: Installed, tmp_path: Path
) -> None:
    path = tmp_path / "export.jsonl"
    pages = [{"type": "page", "url": f"https://late.example/{number}"} for number in range(1_002)]
    bad = {"type": "page", "url": "https://late.example/bad", "pageType": "none"}
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [*pages, bad]))
    ran = await installed.run("import", str(path))
    assert ran.returncode == 2
    assert ran.stdout.count("added") == 1_000
    assert "Before it failed: 1000 added, 0 known, 0 refused; 1 domains are new." in ran.stderr
    assert "diffy: https://late.example/bad: pageType: " in ran.stderr
    assert "pages.2" not in ran.stderr
    await installed.run("domains", "rm", "late.example", "--yes")


async def test_what_was_exported_can_be_imported_elsewhere(
    installed: Installed, shop: Shop, tmp_path: Path
) -> None:
    pricing = shop.site.url("/pricing")
    await installed.json("domains", "edit", shop.name, "--every-minutes", "30", "--tag", "rivals")
    await installed.json("pages", "edit", pricing, "--tag", "plans", "--set", "watchSelector=main")
    await installed.json("channels", "add", "sales", "--webhook", "https://hooks.example/secret")
    await installed.json(
        "alerts", "add", "Move", "--channel", "sales", "--domain", shop.name, "--page", pricing,
        "--word", "pro",
    )  # fmt: skip
    ran = await installed.run("export")
    assert ran.returncode == 0, ran.stderr
    assert "hooks.example/secret" not in ran.stdout
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {row["type"] for row in rows} == {"domain", "page", "alert", "change"}
    path = tmp_path / "export.jsonl"
    path.write_text(ran.stdout)
    async with installed.system.database.transaction() as session:
        env = {"DIFFY_API_KEY": (await create_key(session, "elsewhere")).key}
    ran = await installed.run("import", str(path), "--dry-run", env=env)
    counts = Counter(row["type"] for row in rows)
    assert (
        f"these would be sent: {counts['domain']} domains, {counts['page']} pages, "
        f"{counts['alert']} alerts."
    ) in ran.stderr
    ran = await installed.run("import", str(path), env=env)
    assert ran.returncode == 0, ran.stderr
    assert "The alert Move is not imported: there is no channel sales" in ran.stderr
    assert "changes are history, which is not imported" in ran.stderr
    await installed.json("channels", "add", "sales", "--webhook", "https://x.example/", env=env)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows if row["type"] == "alert"))
    ran = await installed.run("import", str(path), env=env)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "0 added, 0 known, 0 refused; 0 domains are new.\n"
    there = await installed.run("export", "domains", "pages", "alerts", env=env)
    assert flat(there.stdout) == flat("\n".join(json.dumps(r) for r in rows))
    assert await installed.json("jobs", "list", env=env) == [], "nothing was discovered"
    await installed.run("alerts", "rm", "Move", "--yes")
    await installed.run("channels", "rm", "sales", "--yes")


def flat(lines: str) -> list[dict[str, Any]]:
    """What a person has chosen, of the rows of an export."""
    kept = (
        "type", "domain", "displayName", "schedule", "discoverFrequencyHours", "watch", "tags",
        "crawlSettings", "url", "pageType", "monitoringEnabled", "name", "domains",
        "channels", "digest", "quietHours", "enabled",
    )  # fmt: skip
    rows = [json.loads(line) for line in lines.splitlines()]
    chosen = [
        {name: row[name] for name in kept if name in row}
        | {"on": {k: v for k, v in row.get("on", {}).items() if k not in ("domainIds", "pageIds")}}
        for row in rows
        if row["type"] != "change"
    ]
    return sorted(chosen, key=lambda row: (row["type"], row.get("url", ""), str(row)))


async def test_a_table_of_pages_is_exported_and_imported(
    installed: Installed, shop: Shop, tmp_path: Path
) -> None:
    ran = await installed.run("export", "pages", "--csv")
    rows = list(csv.DictReader(ran.stdout.splitlines()))
    assert shop.site.url("/pricing") in {row["url"] for row in rows}
    path = tmp_path / "pages.csv"
    path.write_text(ran.stdout)
    again = await installed.run("import", str(path), "--json")
    assert again.returncode == 0, again.stderr
    assert {row["verdict"] for row in json.loads(again.stdout)} == {"known"}
    # Earlier versions exported fewer columns, without the kind of a row.
    old = ["id", "url", "pageType", "tags"]
    path.write_text("\n".join([",".join(old), ",".join(rows[0][name] for name in old)]))
    assert kind_of(path) is FileKind.CSV
    for wrong in (
        ("export", "--csv"),
        ("export", "domains", "pages", "--csv"),
        ("export", "nothing"),
        ("export", "domains", "--differences"),
    ):
        assert (await installed.run(*wrong)).returncode == 2


async def test_tables_that_were_exported_have_the_settings_and_can_be_imported_elsewhere(
    installed: Installed, shop: Shop, tmp_path: Path
) -> None:
    pricing = shop.site.url("/pricing")
    await installed.json(
        "domains", "edit", shop.name, "--cron", "0 9 * * *", "--discover-every", "12",
        "--watch-exclude", "/blog/*", "--name", 'The "shop", ours', "--set", "render=never",
    )  # fmt: skip
    await installed.json(
        "pages", "edit", pricing, "--no-monitor", "--every-minutes", "45", "--tag", "a, b",
        "--set", 'ignoreText=["As of *; today"]', "--set", "confirmAfterSeconds=60",
    )  # fmt: skip
    await installed.json("channels", "add", "sales", "--webhook", "https://hooks.example/secret")
    await installed.json(
        "alerts", "add", "Move", "--channel", "sales", "--domain", shop.name, "--page", pricing,
        "--quiet", "22:00-07:00", "--disable",
    )  # fmt: skip
    async with installed.system.database.transaction() as session:
        env = {"DIFFY_API_KEY": (await create_key(session, "by-tables")).key}
    await installed.json("channels", "add", "sales", "--webhook", "https://x.example/", env=env)
    for kind in ("domains", "pages", "alerts", "changes"):
        ran = await installed.run("export", kind, "--csv")
        assert ran.returncode == 0, ran.stderr
        path = tmp_path / kind
        path.write_text(ran.stdout)
        assert kind_of(path) is FileKind.OWN
        if kind == "pages":  # as a spreadsheet may write it
            table = list(csv.reader(ran.stdout.splitlines()))
            with path.open("w", newline="") as file:
                cells = [[{"true": "TRUE", "false": "FALSE"}.get(c, c) for c in r] for r in table]
                csv.writer(file, delimiter=";").writerows(cells)
        done = await installed.run("import", str(path), env=env)
        assert done.returncode == 0, done.stderr
    assert "1 changes are history" in done.stderr
    kinds = ("domains", "pages", "alerts")
    here, there = [await installed.run("export", *kinds, env=each) for each in ({}, env)]
    assert flat(there.stdout) == flat(here.stdout)
    for what in ("alerts", "channels"):
        await installed.run(what, "rm", "Move" if what == "alerts" else "sales", "--yes")


async def test_changes_are_exported_with_their_differences(
    installed: Installed, shop: Shop, tmp_path: Path
) -> None:
    ran = await installed.run("export", "changes", "--differences")
    rows = {row["id"]: row for row in map(json.loads, ran.stdout.splitlines())}
    whole = rows[shop.change["id"]]
    assert whole["type"] == "change"
    assert whole["diffData"]["after"].endswith("Pro costs $129 a month.")
    table = await installed.run("export", "changes", "--differences", "--csv")
    cells = {row["id"]: row for row in csv.DictReader(table.stdout.splitlines())}
    assert json.loads(cells[shop.change["id"]]["diffData"]) == whole["diffData"]
    path = tmp_path / "changes.jsonl"
    whole["diffData"]["after"] = "long" * 2**19
    path.write_text(f"{json.dumps(whole)}\n{json.dumps({'type': 'page', 'url': shop.name})}\n")
    assert [row["type"] for row in own_rows(path)] == ["change", "page"], "of whatever length"


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("page,1,https://a.example/,{", "no JSON that can be read in line 2, column schedule"),
        ("page,1,,", "Line 2 has a value that no export has"),
        ("other,1,https://a.example/,", "Line 2 is not of an export"),
        ('page,1,"' + "x" * 200_000 + '",', "cannot be read"),
    ],
)
def test_a_table_of_ours_is_not_believed_either(tmp_path: Path, row: str, sentence: str) -> None:
    path = tmp_path / "pages.csv"
    path.write_text(f"type,id,url,schedule\n{row}\n")
    assert kind_of(path) is FileKind.OWN
    with pytest.raises(BadFile, match=sentence):
        list(own_rows(path))
