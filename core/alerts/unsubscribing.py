"""One-click unsubscription of e-mail (RFC 8058): who may be taken off which channel."""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

from core.errors import NotFound
from core.web.secrets import SecretBox

INVALID_LINK: Final = "This link is not valid."

_SEPARATOR: Final = "."


def unsubscribe_token(box: SecretBox, channel_id: UUID, address: str) -> str:
    """The token that takes `address` off the channel, without any other proof; always the same."""
    named = urlsafe_b64encode(address.encode()).decode().rstrip("=")
    return _SEPARATOR.join((channel_id.hex, named, _proof(box, channel_id, address)))


def unsubscribed_by(box: SecretBox, token: str) -> tuple[UUID, str]:
    """The channel and the address of a token. Raises NotFound if it is none."""
    try:
        channel, named, proof = token.split(_SEPARATOR)
        channel_id = UUID(hex=channel)
        address = urlsafe_b64decode(named + "=" * (-len(named) % 4)).decode()
        if hmac.compare_digest(_proof(box, channel_id, address).encode(), proof.encode()):
            return channel_id, address
    except (ValueError, binascii.Error):
        pass
    raise NotFound(INVALID_LINK)


def _proof(box: SecretBox, channel_id: UUID, address: str) -> str:
    return box.digest(f"unsubscribe {channel_id.hex} {address}")
