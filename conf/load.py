"""Files into settings, texts and words; and the commented example that a new installation begins with."""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from pathlib import Path
from typing import Any

from conf.checks import cross_check
from conf.decode import Decoder
from conf.problems import BadSettings
from conf.settings import PACKAGED_TEXTS, Settings
from conf.suggest import did_you_mean
from hotline.domain.texts import LANGS, PLACEHOLDERS, BadTexts, Texts

EXAMPLE = Path(__file__).parent / "example.toml"
"""Every option with its unit, default and effect."""

FILE_NAME = "shouwen.toml"
WORDS = "words.toml"
MESSAGES = tuple(f"messages.{lang}.toml" for lang in LANGS)
PROMPTS = tuple(f"prompts.{lang}.toml" for lang in LANGS)


def load(path: Path) -> Settings:
    """Read a settings file; relative paths in it are relative to its folder.

    Raises: BadSettings (the file's author's fault) naming every mistake, or why the file can't be read.
    """
    return parse(_text_of(path, f"make one with: shouwen init {path.parent}"), path.absolute().parent, path)


def parse(text: str, folder: Path, where: Path | str = FILE_NAME) -> Settings:
    """Read settings from TOML text.

    Args:
        text: as the file has it.
        folder: absolute; what relative paths refer to.
        where: how the text is called in errors.
    Raises: BadSettings naming every mistake; of TOML syntax only the first, with its line.
    """
    decoder = Decoder(folder)
    settings = decoder.struct(Settings, _table(text, where))
    problems = decoder.problems + cross_check(settings)
    if problems:
        raise BadSettings(where, problems)
    return settings  # type: ignore[no-any-return]


def load_texts(folder: Path) -> Texts:
    """Read messages.zh.toml and messages.en.toml.

    Raises: BadSettings naming every mistake in both files.
    """
    problems: list[str] = []
    by_lang: dict[str, dict[str, str]] = {}
    for lang in LANGS:
        try:
            by_lang[lang] = _messages(folder / f"messages.{lang}.toml", problems)
        except BadSettings as error:
            problems += error.problems
    try:
        texts = Texts(by_lang)
    except BadTexts as error:
        prefixes = tuple(f"messages.{lang}:" for lang in by_lang)
        problems += [line.replace(":", ".toml:", 1) for line in error.problems if line.startswith(prefixes)]
    if problems:
        raise BadSettings(folder, problems)
    return texts


def read_words(folder: Path) -> bytes:
    """The bytes of words.toml, the words that subscribers may text.

    Raises: BadSettings when the file can't be read.
    """
    return _bytes_of(folder / WORDS, f"copy it from {PACKAGED_TEXTS}")


def read_table(path: Path, way_out: str) -> dict[str, Any]:
    """The table of a TOML file. Raises: BadSettings saying why it can't be read, and `way_out` if there is none."""
    return _table(_text_of(path, way_out), path)


def write_example(folder: Path) -> list[Path]:
    """Write shouwen.toml and texts/ into a folder, which is made when it is missing; returns the files.

    The settings can be read by their owner and his group only, since passwords stand there: those of Asterisk are made at random.
    Raises: FileExistsError naming the files that are there already; then nothing is written.
    """
    sources = {folder / FILE_NAME: EXAMPLE}
    sources |= {folder / "texts" / name: PACKAGED_TEXTS / name for name in (*MESSAGES, *PROMPTS, WORDS)}
    there = [str(target) for target in sources if target.exists()]
    if there:
        raise FileExistsError(f"not overwritten: {', '.join(there)}; move them away, or give another folder")
    (folder / "texts").mkdir(parents=True, exist_ok=True)
    for target, source in sources.items():
        mode = 0o640 if target.name == FILE_NAME else 0o644
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(_with_secrets(source.read_bytes()))
    return list(sources)


def _with_secrets(example: bytes) -> bytes:
    """A password of its own for each that the example leaves to be changed, so that no two installations share one."""
    return re.sub(rb'"change-me[^"]*"', lambda _: b'"%s"' % secrets.token_urlsafe(18).encode(), example)


def _messages(path: Path, problems: list[str]) -> dict[str, str]:
    """The known texts of one file; unknown keys are noted in `problems`."""
    table = _table(_text_of(path, f"copy it from {PACKAGED_TEXTS}"), path)
    for key in table.keys() - PLACEHOLDERS.keys():
        hint = did_you_mean(key, PLACEHOLDERS)
        problems.append(f"{path.name}: {key} is no known text{hint or '; ' + EXAMPLE_KEYS}")
    return {key: text for key, text in table.items() if key in PLACEHOLDERS}


EXAMPLE_KEYS = f"all known ones are in {PACKAGED_TEXTS}"


def _table(text: str, where: Path | str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise BadSettings(where, [f"{_name(where)}: lists or tables are nested too deep"]) from None
    except ValueError as error:
        raise BadSettings(where, [f"{_name(where)}: not TOML: {error}"]) from None


def _text_of(path: Path, way_out: str) -> str:
    try:
        return _bytes_of(path, way_out).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadSettings(path, [f"{path.name}: not UTF-8 at line {line}; save the file as UTF-8"]) from None


def _bytes_of(path: Path, way_out: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadSettings(path, [f"{path}: there is no such file; {way_out}"]) from None
    except IsADirectoryError:
        raise BadSettings(path, [f"{path}: is a folder; give the file, such as {path / FILE_NAME}"]) from None
    except OSError as error:
        raise BadSettings(path, [f"{path}: can't be read: {error.strerror}; let this user read it"]) from None


def _name(where: Path | str) -> str:
    return where.name if isinstance(where, Path) else where
