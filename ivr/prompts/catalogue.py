"""Every prompt of the hotline by name, in every language, checked whole before anybody calls."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from pathlib import Path

from conf.load import read_table
from conf.problems import BadSettings
from conf.settings import PACKAGED_TEXTS
from conf.suggest import did_you_mean
from hotline.domain.texts import LANGS

_FIELDS: dict[str, frozenset[str]] = {
    name: frozenset(fields.split())
    for fields, names in (
        (
            "",
            "greeting_morning greeting_afternoon greeting_evening greeting_new_year greeting_short language_offer "
            "language_changed main main_again main_surge invalid no_input services_none services_end consult_none "
            "complaint complaint_again complaint_speak complaint_too_short complaint_not_heard support "
            "support_again support_sms support_download support_after agent agent_owner agent_next recording queue_busy "
            "queue_next queue_offer queue_offer_message queue_full queue_no_agents outside outside_again outside_message "
            "message_speak message_too_short call_back_taken call_back_already call_back_not call_back_hello "
            "call_back_hello_again call_back_dropped agent_caller_hidden survey survey_again survey_thanks number_ask "
            "number_ask_again number_wrong code_ask code_ask_again code_wrong proved proof_failed "
            "proof_later trouble safe farewell farewell_new_year price_free",
        ),
        ("name price", "service service_again service_last service_last_again cancel_confirm"),
        ("name", "cancel_confirm_again cancelled cancel_kept cancel_gone cancel_later"),
        ("topics", "consult consult_again"),
        ("title key", "consult_item"),
        ("text", "campaign topic"),
        ("code", "complaint_thanks complaint_joined message_thanks"),
        ("count", "services_count queue_position"),
        ("minutes", "queue_wait"),
        ("hours", "outside_hours outside_days"),
        ("digits", "agent_caller agent_call_back number_heard"),
        ("amount", "price_monthly price_per_use"),
    )
    for name in names.split()
}
"""Every prompt, with the placeholders that it may use."""

OPTIONAL: dict[str, frozenset[str]] = {
    "cancel_confirm": frozenset({"price"}),
    "cancel_kept": frozenset({"name"}),
    "cancel_later": frozenset({"name"}),
    "complaint_joined": frozenset({"code"}),
    "message_thanks": frozenset({"code"}),
    "outside_hours": frozenset({"hours"}),
    "outside_days": frozenset({"hours"}),
}
"""Placeholders that a prompt may do without; the others are what the caller must be told."""
PARTS = frozenset({"consult_item", "price_monthly", "price_per_use", "price_free"})
"""Pieces of other prompts, which are never said alone."""


def file_of(lang: str) -> str:
    """Name of a language's file."""
    return f"prompts.{lang}.toml"


class Catalogue:
    """The words of all prompts; a prompt that can't be said is found when it is made, not in a call."""

    def __init__(self, by_lang: Mapping[str, Mapping[str, str]]) -> None:
        """Take the words by language and name. Raises: BadSettings naming every mistake."""
        problems = [line for lang in LANGS for line in _problems(lang, by_lang.get(lang, {}))]
        if problems:
            raise BadSettings("prompts", problems)
        self._words = {(lang, name): words.strip() for lang in LANGS for name, words in by_lang[lang].items()}
        used = {key: frozenset(_fields_in(words)) for key, words in self._words.items()}
        self._used = {name: frozenset[str]().union(*(used[lang, name] for lang in LANGS)) for name in _FIELDS}

    def __contains__(self, name: object) -> bool:
        return name in _FIELDS

    def __iter__(self) -> Iterator[str]:
        """The names of all prompts that are said."""
        return (name for name in _FIELDS if name not in PARTS)

    def fields(self, name: str) -> frozenset[str]:
        """The placeholders that are used in any language. Raises: KeyError for no known prompt."""
        return self._used[name]

    def is_fixed(self, name: str) -> bool:
        """Whether it is always the same words, and so a file of its own. Raises: KeyError."""
        return not _FIELDS[name]

    def fixed(self) -> list[str]:
        """The names of all prompts that are always the same."""
        return [name for name in self if self.is_fixed(name)]

    def words(self, lang: str) -> dict[str, str]:
        """The words of every prompt in a language, with its placeholders as they stand."""
        return {name: words for (each, name), words in self._words.items() if each == lang}

    def fill(self, lang: str, name: str, words: Mapping[str, str]) -> str:
        """The prompt with its placeholders replaced by words."""
        return self._words[lang, name].format_map(words)


def load_catalogue(folder: Path) -> Catalogue:
    """Read prompts.zh.toml and prompts.en.toml. Raises: BadSettings naming every mistake in both files."""
    by_lang: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    for lang in LANGS:
        try:
            by_lang[lang] = read_table(folder / file_of(lang), f"copy it from {PACKAGED_TEXTS}")
        except BadSettings as error:
            problems += error.problems
    try:
        catalogue = Catalogue(by_lang)
    except BadSettings as error:
        read = tuple(f"{file_of(lang)}:" for lang in by_lang)
        raise BadSettings(folder, problems + [line for line in error.problems if line.startswith(read)]) from None
    return catalogue


def _problems(lang: str, words: Mapping[str, object]) -> list[str]:
    where = file_of(lang)
    lines = [f"{where}: {name} is missing" for name in _FIELDS if name not in words]
    for name, text in words.items():
        if name not in _FIELDS:
            hint = did_you_mean(name, _FIELDS) or f"; all known ones are in {PACKAGED_TEXTS}"
            lines.append(f"{where}: {name} is no known prompt{hint}")
            continue
        lines += [f"{where}: {name}: {line}" for line in _of(name, text)]
    return lines


def _of(name: str, text: object) -> list[str]:
    if not isinstance(text, str) or not text.strip():
        return ["it is empty; write the words that the caller hears"]
    try:
        used = _fields_in(text)
    except ValueError as error:
        return [f"{error}; a prompt has no braces but those of placeholders"]
    allowed = _FIELDS[name]
    listed = ", ".join("{" + field + "}" for field in sorted(allowed)) or "none"
    lines = [f"{{{field}}} is no placeholder of this prompt; allowed: {listed}" for field in sorted(set(used) - allowed)]
    lines += [f"{{{field}}} is missing; the caller must be told it" for field in sorted(_required(name) - set(used))]
    rest = "".join(literal for literal, *_ in string.Formatter().parse(text))
    if any(char.isnumeric() and not "\u4e00" <= char <= "\u9fff" for char in rest):
        lines.append("it has digits; write numbers as they are spoken")
    if not used and not any(char.isalpha() for char in text):
        lines.append("there is nothing to say in it")
    return lines


def _required(name: str) -> frozenset[str]:
    return _FIELDS[name] - OPTIONAL.get(name, frozenset())


def _fields_in(text: str) -> list[str]:
    found = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text) if name is not None]
    for name, spec, conversion in found:
        if spec or conversion:
            raise ValueError(f"{{{name}}} takes no format")
    return [name for name, _, _ in found]
