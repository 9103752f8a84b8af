"""The declarative base of all tables."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Enum, MetaData, Uuid
from sqlalchemy.orm import DeclarativeBase

from core.alerts.rules import AlertRule
from core.alerts.timing import QuietHours
from core.schedules import Schedule
from core.tags import Tags
from core.web.crawl_settings import CrawlSettings
from core.web.watch_rules import WatchRules
from store.db.types import CrawlSettingsJson, ModelJson, TagsText, UtcDateTime


class Base(DeclarativeBase):
    """Defines the names of constraints and the types of columns."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        datetime: UtcDateTime(),
        CrawlSettings: CrawlSettingsJson(),
        AlertRule: ModelJson(AlertRule),
        QuietHours: ModelJson(QuietHours),
        Tags: TagsText(),
        Schedule: ModelJson(Schedule),
        WatchRules: ModelJson(WatchRules),
        UUID: Uuid(),
        StrEnum: Enum(StrEnum, native_enum=False, length=20, values_callable=list),
    }
