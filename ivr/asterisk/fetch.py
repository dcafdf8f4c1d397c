"""Where Asterisk is: one fetched into a folder of ours, or one that is installed."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("fetch.sh")
PROGRAM = "usr/sbin/asterisk"
PACKAGES = ("asterisk", "asterisk-core-sounds-en-gsm")
WANT = "1:22.*"
"""Version that is fetched, as a glob: the newest patch of the long-term release."""
KNOWN = range(18, 23)
"""Versions that the settings are written for."""
MODULES = Path("root/usr/lib/x86_64-linux-gnu/asterisk/modules")
SHARED = Path("root/usr/share/asterisk")
UNUSED = (
    "adduser", "debconf", "libcodec2-1.2", "libcurl4t64", "libgmime-3.0-0t64", "libical3t64", "libiksemel3", "libjack-jackd2-0",
    "libjwt2", "libldap2", "liblua5.1-0", "libneon27t64", "libodbc2", "libopencore-amrnb0", "libopencore-amrwb0", "libopusenc0",
    "libopusfile0", "libportaudio2", "libpq5", "libradcli4", "libresample1", "libsnmp45", "libspandsp2t64", "libsybdb5",
    "libunbound8", "libvo-amrwbenc0", "libvorbis0a", "libvorbisenc2", "libvorbisfile3",
)  # fmt: skip
"""Libraries of modules that the hotline doesn't load; they would triple the download."""


class NoAsterisk(Exception):
    """There is none, or it doesn't start; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """An Asterisk that starts.

    Attributes:
        path: what is executed.
        version: as `asterisk -V` tells it, such as "22.10.1".
        modules, shared: its folders of modules and of sounds; None: those it was built for.
    """

    path: Path
    version: str
    modules: Path | None = None
    shared: Path | None = None

    @property
    def known(self) -> bool:
        """Whether the settings are written for this version."""
        major = self.version.split(".")[0]
        return major.isdigit() and int(major) in KNOWN


def find(path: Path) -> Program:
    """The Asterisk in the folder that `fetch` filled, or the installed program at `path`.

    Raises: NoAsterisk.
    """
    fetched = path.is_dir()
    program = path / "bin" / "asterisk" if fetched else path
    if not os.access(program, os.X_OK):
        raise NoAsterisk(
            f"no Asterisk at {program}; get one with: shouwen asterisk fetch --config FILE, or set [asterisk] path to the "
            "program of an installed one"
        )
    return Program(program, _version(program), path / MODULES if fetched else None, path / SHARED if fetched else None)


def fetch(folder: Path) -> Program:
    """Get Asterisk into a folder, in about 10 s; at once when it is there. What happens is told on standard error.

    Raises: NoAsterisk when it can't be had; the reason is on standard error.
    """
    if folder.is_file():
        return find(folder)
    environ = {"FETCH_WITHOUT": " ".join(UNUSED)} | dict(os.environ)
    done = subprocess.run(["sh", str(SCRIPT), str(folder), PROGRAM, WANT, *PACKAGES], env=environ, check=False)
    if done.returncode:
        raise NoAsterisk("no Asterisk was fetched, for the reason above; or set [asterisk] path to an installed one")
    _sounds(folder / SHARED / "sounds")
    return find(folder)


def _sounds(sounds: Path) -> None:
    """The package's own installation would link en to the voice that it brings."""
    if not (sounds / "en").exists() and (voice := next(sounds.glob("en_*"), None)):
        (sounds / "en").symlink_to(voice.name)


def _version(program: Path) -> str:
    try:
        said = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise NoAsterisk(f"{program} does not start: {error}") from error
    found = re.search(r"Asterisk (?:certified/)?([0-9][0-9.]*)", said)
    return found[1].rstrip(".") if found else "unknown"
