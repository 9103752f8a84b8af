"""Hash routes: the fragments by which applications in a browser name their pages.

`#/pricing` and `#!/pricing` are routes; `#pricing` names a section of a page. A server never
receives either, so a route means something only where a browser renders the page.
"""


def route_of(url: str) -> str:
    """The route in the normalised `url`, with its `#`; empty if it has none."""
    _, sharp, fragment = url.partition("#")
    return f"{sharp}{fragment}"


def document_of(url: str) -> str:
    """The URL of the document that has the route of the normalised `url`: without fragment."""
    return url.partition("#")[0]


def with_route(url: str, route: str) -> str:
    """`url`, which has no fragment, with the `route` of `route_of`."""
    return f"{url}{route}"


def is_route(fragment: str) -> bool:
    """Whether a fragment, without its `#`, is a route.

    The route of the start, `/` or `!/`, is none: the document shows it without a fragment too.
    """
    return fragment.removeprefix("!").startswith("/") and fragment.removeprefix("!") != "/"


def as_path(url: str) -> str:
    """The normalised `url` with its route as a path: `https://app.example/pricing`.

    It names the page for rules that read paths, and is not where the page is.
    """
    document, _, fragment = url.partition("#")
    if not fragment:
        return url
    return document.partition("?")[0].rstrip("/") + fragment.removeprefix("!")
