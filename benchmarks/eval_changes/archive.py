"""Packages of Debian, fetched with apt into a cache folder and unpacked there, never committed."""

import re
import subprocess
from pathlib import Path
from typing import Final

OTHER_RELEASES: Final = ("trixie", "bullseye")
"""Releases that hold versions which the machine's own does not; asked of the same archive."""

RELEASE: Final = r"(?:bookworm|trixie|bullseye)"


def unpacked(package: str, version: str, cache: Path) -> Path | None:
    """The folder that holds the files of the package; None when the version cannot be had here."""
    name = f"{package}_{version.replace(':', '%3a')}"
    target = cache / name
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    wanted = f"{package}={version}"
    if not (_downloads(wanted, [], cache) or _downloads(wanted, _others(cache), cache)):
        return None
    [archive, *_] = sorted(cache.glob(f"{name}_*.deb"))
    subprocess.run(["dpkg", "-x", archive, target], check=True)
    return target


def _downloads(wanted: str, options: list[str], cache: Path) -> bool:
    done = subprocess.run(
        ["apt-get", *options, "download", wanted], cwd=cache, capture_output=True, check=False
    )
    return done.returncode == 0


def _others(cache: Path) -> list[str]:
    """Options of apt-get that make it look in the other releases, with an index of their own."""
    folder = cache / "other-releases"
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": folder / "state",
        "Dir::Cache": folder / "cache",
    }
    said = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    if not folder.is_dir():
        for each in ("state/lists/partial", "cache/archives/partial"):
            (folder / each).mkdir(parents=True)
        (folder / "sources.list").write_text("\n".join(_sources()) + "\n")
        subprocess.run(["apt-get", *said, "update"], capture_output=True, check=False)
    return said


def _sources() -> list[str]:
    """Lines of a sources.list: the machine's own archive, in the other releases."""
    own = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    addresses = dict.fromkeys(re.findall(rf"^(\S+) {RELEASE}$", own, re.MULTILINE))
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    return [
        f"deb [signed-by={key}] {address} {release} main"
        for address in addresses
        for release in OTHER_RELEASES
    ]
