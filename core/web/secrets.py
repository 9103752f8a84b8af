"""Encryption of users' secrets at rest; no error message contains a secret."""

import hmac
from base64 import urlsafe_b64encode
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import SecretsUnreadable

MIN_SECRET_KEY_LENGTH: Final = 32
"""Minimum number of characters of a key."""


class SecretBox:
    """Encrypts texts with `key`, at least `MIN_SECRET_KEY_LENGTH` random characters.

    The tokens are Fernet tokens (AES-128-CBC, HMAC-SHA256), their keys derived by HKDF (RFC 5869).
    """

    def __init__(self, key: str) -> None:
        self._fernet = Fernet(urlsafe_b64encode(_derived(key, b"diffy: sealing")))
        self._digest_key = _derived(key, b"diffy: digests")

    def seal(self, text: str) -> str:
        """The encrypted `text`; each call returns another token."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, token: str) -> str:
        """The decrypted text. Raises SecretsUnreadable if it was encrypted with another key."""
        try:
            return self._fernet.decrypt(token).decode()
        except InvalidToken:
            raise SecretsUnreadable(
                "The stored headers and cookies cannot be read: they were stored under another "
                "DIFFY_SECRET_KEY. Set that key again, or give them anew."
            ) from None

    def digest(self, text: str) -> str:
        """A keyed hash of `text`: without the key it does not help to guess the text."""
        return hmac.new(self._digest_key, text.encode(), "sha256").hexdigest()


def _derived(key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key.encode())
