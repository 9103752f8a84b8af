"""The key that encrypts secrets: a setting, or a file beside the embedded database."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from core.errors import Conflict, SecretsUnreadable, SettingsError
from core.settings import Settings
from core.web.secrets import MIN_SECRET_KEY_LENGTH, SecretBox

KEY_FILE: Final = "secret.key"


class SecretKey:
    """Reads the key at each use, so that a corrected file takes effect at once.

    The file is created for the embedded database only: several machines with one database would
    each create their own.
    """

    def __init__(self, settings: Settings) -> None:
        self._given = settings.secret_key
        self._path = settings.data_dir / KEY_FILE if settings.database_url is None else None

    def for_sealing(self) -> SecretBox:
        """The box to encrypt with. Raises Conflict if there is no key and none can be created."""
        if self._path is None and self._given is None:
            raise Conflict(
                "Headers and cookies cannot be stored here: DIFFY_SECRET_KEY is not set."
            )
        if self._given is None and self._path is not None and not self._path.exists():
            _create(self._path)
        return self.for_opening()

    def for_opening(self) -> SecretBox:
        """The box to decrypt with.

        Raises SecretsUnreadable if there is no key, and SettingsError if it is invalid.
        """
        return SecretBox(self._given or self._read())

    def _read(self) -> str:
        if self._path is None:
            raise SecretsUnreadable(
                "The stored headers and cookies cannot be read: DIFFY_SECRET_KEY is not set."
            )
        try:
            key = self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise SecretsUnreadable(
                f"The stored headers and cookies cannot be read: {self._path} is missing. "
                "Put it back, or give them anew."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{self._path}, the secret key, cannot be read.") from error
        if len(key) < MIN_SECRET_KEY_LENGTH:
            raise SettingsError(f"{self._path} holds no key of {MIN_SECRET_KEY_LENGTH} characters.")
        return key


def _create(path: Path) -> None:
    """Write a new key that only its owner can read; of several processes the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The temporary file has mode 0600, and gets its name once it is complete.
    with NamedTemporaryFile("w", dir=path.parent, prefix=f".{KEY_FILE}-") as written:
        written.write(f"{secrets.token_urlsafe(32)}\n")
        written.flush()
        os.fsync(written.fileno())
        with suppress(FileExistsError):
            os.link(written.name, path)
