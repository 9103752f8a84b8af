"""The tables of organisations, their API keys, and the sessions of the web page."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from core.scopes import Scope
from store.db.base import Base


class Organisation(Base):
    """An owner of domains and jobs."""

    __tablename__ = "organisations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class KeyStatus(StrEnum):
    """Whether a key can be used."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(Base):
    """An API key of an organisation, stored as its SHA-256 hash.

    Keys of earlier versions have no name, may do everything and do not expire.
    """

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    key_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    name: Mapped[str | None]
    scope: Mapped[Scope] = mapped_column(default=Scope.ADMIN, server_default=Scope.ADMIN.value)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    def status(self, now: datetime) -> KeyStatus:
        """Whether it can be used."""
        if self.revoked_at is not None:
            return KeyStatus.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return KeyStatus.EXPIRED
        return KeyStatus.VALID


class WebSession(Base):
    """A session of the web page, which ends with its API key; stored as the hash of its token."""

    __tablename__ = "web_sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
