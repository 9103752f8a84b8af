"""Where an installation is and with which key it is used: the environment, or a profile.

Profiles are a JSON file in the user's config folder, readable by the user only.
"""

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from cli.client.errors import BadUsage

DEFAULT_URL: Final = "http://127.0.0.1:8000"
"""Where `diffy up` listens."""

DEFAULT_PROFILE: Final = "default"

PRIVATE_FOLDER: Final = 0o700
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Connection:
    """An installation and the key for it; `key` is None if none is known."""

    url: str
    key: str | None

    @property
    def loopback(self) -> bool:
        """Whether the installation is on this machine."""
        host = urlsplit(self.url).hostname or ""
        return host == "localhost" or host.startswith("127.") or host == "::1"


@dataclass(frozen=True)
class Profiles:
    """The stored connections by name, and the name of the one that is used unless another is."""

    current: str | None
    connections: Mapping[str, Connection]

    def named(self, name: str) -> Connection:
        """The connection of a profile. Raises BadUsage if there is none of that name."""
        if name not in self.connections:
            known = ", ".join(sorted(self.connections)) or "none"
            raise BadUsage(
                f"There is no profile {name}; there is: {known}. "
                f"Make it with `diffy login --profile {name}`."
            )
        return self.connections[name]

    def with_profile(self, name: str, connection: Connection) -> "Profiles":
        """The same with one more, or another one of that name, which becomes the current one."""
        return Profiles(name, {**self.connections, name: connection})

    def without(self, name: str) -> "Profiles":
        """The same without one."""
        self.named(name)
        left = {each: known for each, known in self.connections.items() if each != name}
        return Profiles(None if self.current == name else self.current, left)

    def using(self, name: str) -> "Profiles":
        """The same with another current one."""
        self.named(name)
        return replace(self, current=name)


NO_PROFILES: Final = Profiles(None, {})


def profiles_path() -> Path:
    """The file of the profiles."""
    return Path(click.get_app_dir("diffy")) / "profiles.json"


def load_profiles() -> Profiles:
    """The stored profiles. Raises BadUsage for a file that others can read, or that is none."""
    path = profiles_path()
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            stored = json.load(file)
    except FileNotFoundError:
        return NO_PROFILES
    except OSError as error:
        raise BadUsage(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise _not_profiles(path) from error
    if mode & OTHERS:
        raise BadUsage(
            f"{path} has API keys and others may read it. Run `chmod 600 {path}`, and make new "
            "keys if others had access."
        )
    try:
        connections = {
            str(name): Connection(str(each["url"]), str(each["apiKey"]))
            for name, each in stored["profiles"].items()
        }
        current = stored["current"]
    except (KeyError, TypeError, AttributeError) as error:
        raise _not_profiles(path) from error
    return Profiles(current if current in connections else None, connections)


def _not_profiles(path: Path) -> BadUsage:
    return BadUsage(f"{path} is not a file of profiles. Delete it, then run `diffy login`.")


def save_profiles(profiles: Profiles) -> None:
    """Store the profiles, in place of the old ones at once, readable by the user only."""
    path = profiles_path()
    stored = {
        "current": profiles.current,
        "profiles": {
            name: {"url": each.url, "apiKey": each.key}
            for name, each in profiles.connections.items()
        },
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        # A temporary file is readable by its owner only from the moment it exists.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(stored, file, indent=2)
            os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise BadUsage(f"{path} cannot be written: {error.strerror}.") from error


def parse_url(text: str) -> str:
    """The origin of an installation as a person writes it, with or without scheme and `/api`.

    Without a scheme it is https, or http on this machine. Raises BadUsage for anything else.
    """
    written = text.strip()
    if "://" not in written:
        here = Connection(f"http://{written}", None).loopback
        written = f"{'http' if here else 'https'}://{written}"
    try:
        parts = urlsplit(written)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise BadUsage(
            f"{text!r} is not the address of an installation; write it as {DEFAULT_URL}."
        )
    path = parts.path.rstrip("/").removesuffix("/api")
    return f"{parts.scheme}://{parts.netloc}{path}"


def connection_of(profile: str | None, environ: Mapping[str, str] = os.environ) -> Connection:
    """The connection to use: of `profile`, else of `DIFFY_PROFILE`, else of `DIFFY_URL` and
    `DIFFY_API_KEY`, else of the current profile, else the installation on this machine.

    A stored key is used for the URL that it was stored with, and for no other.
    """
    name = profile or environ.get("DIFFY_PROFILE")
    if name:
        return load_profiles().named(name)
    url, key = environ.get("DIFFY_URL"), environ.get("DIFFY_API_KEY")
    if url and key:
        return Connection(parse_url(url), key)
    profiles = load_profiles()
    current = profiles.connections.get(profiles.current or "")
    if url:
        origin = parse_url(url)
        candidates = (current, *profiles.connections.values())
        stored = next((each for each in candidates if each and each.url == origin), None)
        return stored or Connection(origin, None)
    used = current or Connection(DEFAULT_URL, None)
    return replace(used, key=key) if key else used
