"""Tags: words by which an organisation groups its domains and pages."""

from collections.abc import Iterable
from typing import Final

MAX_TAGS: Final = 20
"""Number of tags of one domain or page."""

MAX_TAG_LENGTH: Final = 50
"""Number of characters."""


class Tags(tuple[str, ...]):
    """Tags in the order in which they were given, each once."""


NO_TAGS: Final = Tags()


def normalised_tag(text: str) -> str:
    """The tag that `text` stands for: in lower case, without white space around it."""
    return " ".join(text.split()).lower()


def normalised_tags(texts: Iterable[str]) -> Tags:
    """The tags that `texts` stand for."""
    return Tags(dict.fromkeys(normalised_tag(each) for each in texts))
