"""The names and types of the search attributes of jobs, without the SDK: `diffy up`, which passes
them to the embedded server, does not load it.
"""

from enum import StrEnum
from typing import Literal


class JobAttribute(StrEnum):
    """A search attribute of jobs: its name."""

    ORG = "DiffyOrgId"
    DOMAIN = "DiffyDomainId"
    PAGE = "DiffyPageId"
    BATCH = "DiffyBatchId"
    STATE = "DiffyState"
    DUE = "DiffyDue"

    @property
    def kind(self) -> Literal["Keyword", "Datetime"]:
        """Its type, as Temporal's command line names it."""
        return "Datetime" if self is JobAttribute.DUE else "Keyword"
