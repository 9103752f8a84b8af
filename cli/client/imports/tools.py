"""What changedetection.io, urlwatch, webchanges and Distill export."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from cli.client.imports.items import Item, number, split_tags, texts

UNIT_SECONDS: Final = {
    "weeks": 604_800,
    "days": 86_400,
    "hours": 3_600,
    "minutes": 60,
    "seconds": 1,
}

_NOT_OURS: Final = (
    "body",
    "browser_steps",
    "conditions",
    "extract_text",
    "headers",
    "notification_urls",
    "proxy",
    "text_should_not_be_present",
    "title",
    "trigger_text",
    "webdriver_js_execute_code",
)
"""Fields of changedetection.io for which Diffy has nothing, or for which it would be a secret."""

_REGEX: Final = re.compile(r"/.*/[a-z]*", re.DOTALL)
"""How changedetection.io writes a regular expression among texts."""

_JOB_FIELDS: Final = frozenset(
    {
        "enabled", "filter", "filters", "kind", "navigate", "tags", "url", "use_browser",
        "user_visible_url",
    }
)  # fmt: skip
"""Fields of jobs of urlwatch and webchanges that are read, or that change nothing here."""

_TEXT_FILTERS: Final = frozenset({"html2text", "strip", "beautify", "absolute_links", "re.strip"})
"""Filters that do what Diffy always does: it compares the text of pages."""

_SELECTING: Final = frozenset({"css", "element-by-id", "element-by-class", "element-by-tag"})
"""Filters that select a part of the page, of what the filters before have left."""


def changedetection_items(index: dict[str, Any], watches: list[dict[str, Any]]) -> Iterator[Item]:
    """The watches of changedetection.io; `index` has the names of their tags."""
    settings = _dict(_dict(index.get("settings")).get("application"))
    names = {
        key: str(_dict(tag).get("title") or "") for key, tag in _dict(settings.get("tags")).items()
    }
    for watch in watches:
        url = watch.get("url")
        if not isinstance(url, str):
            continue
        old = watch.get("tag")
        tags = [names.get(tag, "") for tag in texts(watch.get("tags"))]
        item = Item(url, tags=texts([*tags, *split_tags(old if isinstance(old, str) else "")]))
        if watch.get("paused"):
            item.fields["monitoringEnabled"] = False
        if watch.get("fetch_backend") == "html_webdriver":
            item.settings["render"] = "always"
        if watch.get("sort_text_alphabetically"):
            item.settings["ignoreOrder"] = True
        include = texts(watch.get("include_filters"))
        if len(include) == 1 and include[0].startswith("json:"):
            item.watch_json(include[0])
        else:
            _take_selectors(item, include, item.watch)
        _take_selectors(item, texts(watch.get("subtractive_selectors")), item.ignore)
        for text in texts(watch.get("ignore_text")):
            if _REGEX.fullmatch(text):
                reason = "there are no regular expressions here"
                item.left_out.append(f"the ignored text {text[:100]!r}: {reason}")
            else:
                item.ignore_lines_with(text)
        if watch.get("time_between_check_use_default") is False:
            seconds = _seconds(_dict(watch.get("time_between_check")))
            if seconds:
                item.interval(seconds)
        if _dict(watch.get("time_schedule_limit")).get("enabled"):
            item.left_out.append("its hours (time_schedule_limit)")
        if watch.get("method", "GET") != "GET":
            item.left_out.append("its method: Diffy asks by GET")
        if watch.get("processor", "text_json_diff") not in ("text_json_diff", "restock_diff"):
            item.left_out.append(f"its processor {str(watch['processor'])[:100]!r}")
        item.left_out += [f"its {name}" for name in _NOT_OURS if watch.get(name)]
        if "{{" in url or "{%" in url:
            item.left_out.append("the template in its address, which is taken as it stands")
        yield item


def _take_selectors(item: Item, selectors: list[str], into: list[str]) -> None:
    """Sort CSS selectors from the other kinds, which are not carried over."""
    for each in selectors:
        kind, colon, rest = each.partition(":")
        if each.startswith("/") or (colon and kind in ("xpath", "xpath1")):
            reason = "there is no XPath here"
        elif colon and kind in ("jq", "jqraw"):
            reason = "there is no jq here"
        elif colon and kind == "json" and into is item.watch:
            reason = "a JSON path is watched alone, and not beside other selectors"
        elif colon and kind == "json":
            reason = "a JSON path can be watched, and not ignored"
        else:
            into.append(rest if colon and kind == "css" else each)
            continue
        item.left_out.append(f"the selector {each[:100]!r}: {reason}")


def _seconds(between: dict[str, Any]) -> float:
    return sum(
        UNIT_SECONDS[unit] * value
        for unit, given in between.items()
        if unit in UNIT_SECONDS and (value := number(given)) is not None
    )


def job_items(jobs: list[dict[str, Any]]) -> Iterator[Item]:
    """The jobs of urlwatch and webchanges."""
    for job in jobs:
        address = job.get("navigate") or job.get("url")
        if not isinstance(address, str):
            # A command of a shell: the line says so.
            item = Item("")
            name = job.get("name") or job.get("command") or "without a URL"
            item.left_out.append(f"the job {str(name)[:100]!r}: only jobs with a URL are pages")
            yield item
            continue
        tags = job.get("tags")
        item = Item(address, tags=split_tags(tags) if isinstance(tags, str) else texts(tags))
        if "navigate" in job or job.get("use_browser"):
            item.settings["render"] = "always"
        if job.get("enabled") is False:
            item.fields["monitoringEnabled"] = False
        _take_filters(item, job.get("filters", job.get("filter")))
        item.left_out += [f"its {name}" for name in sorted(set(map(str, job)) - _JOB_FIELDS)]
        yield item


def _take_filters(item: Item, filters: Any) -> None:
    if isinstance(filters, str):
        filters = [dict([part.partition(":")[::2]]) for part in filters.split(",")]
    elif isinstance(filters, dict):
        filters = [filters]
    elif filters and not isinstance(filters, list):
        item.left_out.append("its filter, which is no list of filters")
    for each in _list(filters):
        pairs = each.items() if isinstance(each, dict) else [(each, None)]
        for name, value in pairs:
            _take_filter(item, str(name), value)


def _take_filter(item: Item, name: str, value: Any) -> None:
    chosen = value if isinstance(value, dict) else {}
    selector = chosen.get("selector", value)
    text = selector if isinstance(selector, str) else ""
    if item.watch and name in _SELECTING:
        item.left_out.append(
            f"its filter {name}: it selects within what another filter has selected, and a page "
            "has one selection"
        )
        return
    match name:
        case "css" if text:
            item.watch.append(text)
            if isinstance(chosen.get("exclude"), str):
                item.ignore.append(chosen["exclude"])
            further = sorted(set(map(str, chosen)) - {"selector", "exclude", "method"})
            item.left_out += [f"{each} of its css filter" for each in further]
        case "element-by-id" if isinstance(value, str):
            item.watch.append(f'[id="{value}"]')
        case "element-by-class" if isinstance(value, str):
            item.watch.append(f'[class~="{value}"]')
        case "element-by-tag" if isinstance(value, str):
            item.watch.append(value)
        case "sort":
            item.settings["ignoreOrder"] = True
        case _ if name in _TEXT_FILTERS:
            pass
        case _:
            item.left_out.append(f"its filter {name[:100]}")


def distill_items(monitors: list[dict[str, Any]]) -> Iterator[Item]:
    """The monitors of Distill."""
    for monitor in monitors:
        uri = monitor.get("uri")
        if not isinstance(uri, str):
            continue
        tags = monitor.get("tags")
        item = Item(uri, tags=split_tags(tags) if isinstance(tags, str) else texts(tags))
        for selection in _list(_json(monitor.get("config")).get("selections")):
            for frame in _list(_dict(selection).get("frames")):
                _take_frame(item, _dict(frame))
        schedule = _json(monitor.get("schedule"))
        interval = number(_dict(schedule.get("params")).get("interval"))
        if interval is not None and not interval <= 0:
            item.interval(interval)
        elif schedule:
            item.left_out.append("its schedule")
        item.left_out += [f"its {name}" for name in ("name", "ruleset") if monitor.get(name)]
        yield item


def _take_frame(item: Item, frame: dict[str, Any]) -> None:
    for name, into in (("includes", item.watch), ("excludes", item.ignore)):
        for each in map(_dict, _list(frame.get(name))):
            expression = each.get("expr")
            if not isinstance(expression, str):
                continue
            prefix = "" if each.get("type", "css") == "css" else f"{each['type']}:"
            if prefix not in ("", "xpath:"):
                item.left_out.append(f"the selector {expression[:100]!r}")
                continue
            _take_selectors(item, [prefix + expression], into)


def _json(value: Any) -> dict[str, Any]:
    """An object that may be written as a text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return _dict(value)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
