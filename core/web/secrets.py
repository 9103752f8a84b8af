"""Secrets of users as they are stored: encrypted, and never in the text of an error."""

import hmac
from base64 import urlsafe_b64encode
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import SecretsUnreadable

SHORTEST_KEY: Final = 32
"""Characters."""


class SecretBox:
    """Seals texts with `key`, a text of at least `SHORTEST_KEY` characters that nobody can guess.

    The tokens are Fernet's: AES-128-CBC and HMAC-SHA256, their keys derived by HKDF (RFC 5869).
    """

    def __init__(self, key: str) -> None:
        self._fernet = Fernet(urlsafe_b64encode(_derived(key, b"diffy: sealing")))
        self._digest_key = _derived(key, b"diffy: digests")

    def seal(self, text: str) -> str:
        """The token that stands for `text`; another one each time."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, token: str) -> str:
        """The text that was sealed. Raises SecretsUnreadable when it was with another key."""
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            raise SecretsUnreadable(
                "The stored headers and cookies cannot be read: they were stored under another "
                "DIFFY_SECRET_KEY. Set that key again, or give them anew."
            ) from None

    def digest(self, text: str) -> str:
        """The same for the same `text`, and of no use to guess it by without the key."""
        return hmac.new(self._digest_key, text.encode(), "sha256").hexdigest()


def _derived(key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key.encode())
