"""Signatures of webhooks by the Standard Webhooks specification, version 1.0.0.

One HMAC, written here: the package of the specification signs with one secret only, and so cannot
rotate it. Tests verify the signatures with that package.
"""

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

SECRET_PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
"""The specification asks for 24 to 64."""


def new_secret() -> str:
    """A random secret, as receivers configure it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature_headers(
    message_id: str, at: datetime, body: bytes, secrets_in_use: Sequence[str]
) -> dict[str, str]:
    """The headers of a webhook: its id, its time, and one signature for each secret in use."""
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(signed, each) for each in secrets_in_use),
    }


def _signature(signed: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
