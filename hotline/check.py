"""`shouwen check`: try everything that `shouwen serve` will need, and say of each whether it is there, in one line."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from conf.load import load, load_texts, read_words
from conf.problems import BadSettings
from conf.settings import Settings
from conf.values import Endpoint
from hotline.check_plans import Doubtful, PlanWrong, plan_checks, route_checks
from hotline.database import DatabaseTrouble, explain, require_schema
from hotline.domain.texts import LANGS, PLACEHOLDERS
from hotline.storage.opening import writing_engine
from hotline.storage.schema import event
from ivr.flows import STARTS
from ivr.lint import problems_of
from ivr.peers import allowed
from ivr.prompts.build import problems
from ivr.prompts.catalogue import Catalogue, load_catalogue
from ivr.trial import Manager, try_agi, try_dialplan, try_rights
from ivr.trial import TrialFailed as CallTrialFailed
from sms.grammar import Grammar
from sms.trial import TrialFailed, try_binds
from sms.words import WordsWrong, load_words


class Out(Protocol):
    """Where the lines go."""

    def write(self, line: str, /) -> object:
        """Write text."""

    def flush(self) -> object:
        """Have it seen."""


class Bad(Exception):
    """A check failed; the message says why and ends with the way out. A line for each mistake."""


Check = tuple[str, Callable[[], str]]
"""What is checked, and a function that says what it found or raises."""


def check(config: Path, out: Out) -> int:
    """Check settings, texts, words, prompts, menus, test plans, database, each SMSC, billing, Asterisk and the web's address.

    A line for each. Binds to the SMSCs for real, so the service had better not run: most SMSCs let an account bind once.
    Returns: 0, or 1 when any check failed; a doubt (WARN) is no failure.
    """
    try:
        settings = load(config)
    except BadSettings as error:
        return _report(out, "settings", _fail("\n".join(error.problems)))
    services, smscs = len(settings.service), len(settings.smsc)
    found = f"{config}: {services} service{'s' * (services != 1)}, {smscs} SMSC{'s' * (smscs != 1)}"
    failed = _report(out, "settings", lambda: found)
    for name, look in _checks(settings, config):
        failed |= _report(out, name, look)
    return failed


def _checks(settings: Settings, config: Path) -> Iterator[Check]:
    yield "texts", lambda: _texts(settings)
    yield "words", lambda: _words(settings)
    yield "menus", lambda: _menus(settings)
    yield "prompts", lambda: _prompts(settings)
    yield from plan_checks(settings)
    yield "database", lambda: _database(settings, config)
    if not settings.smsc:
        yield "smsc", _fail("there is none, so no text comes or goes — write a [[smsc]] table into the settings")
    for smsc in settings.smsc:
        yield f"smsc {smsc.name}", lambda smsc=smsc: try_binds(smsc)  # type: ignore[misc]
    yield f"billing {settings.billing.adapter}", _billing
    yield from _asterisk(settings)
    yield "web", lambda: _address(settings.web.listen)


def _asterisk(settings: Settings) -> Iterator[Check]:
    """Three lines over one link, and one for each route; without a link one."""
    if settings.ami is None:
        peers = ", ".join(allowed(settings))
        none = f"no link to it: the settings have no [ami], so there are no agents and no call-backs; AGI is taken from {peers}"
        yield "asterisk", lambda: none
        return
    try:
        manager = Manager(settings.ami)
    except CallTrialFailed as error:
        yield "asterisk", _fail(str(error))
        return
    with manager:
        yield "asterisk", lambda: try_rights(manager, settings)
        yield "dialplan", lambda: try_dialplan(manager, settings)
        yield "fastagi", lambda: try_agi(manager, settings)
        yield from route_checks(settings, manager)


def _report(out: Out, name: str, look: Callable[[], str]) -> int:
    try:
        out.write(f"ok   {name}: {look()}\n")
        return 0
    except Doubtful as error:
        for line in str(error).splitlines():
            out.write(f"WARN {name}: {line}\n")
        return 0
    except (Bad, PlanWrong, DatabaseTrouble, TrialFailed, CallTrialFailed) as error:
        for line in str(error).splitlines():
            out.write(f"FAIL {name}: {line}\n")
        return 1
    finally:
        out.flush()


def _fail(words: str) -> Callable[[], str]:
    def look() -> str:
        raise Bad(words)

    return look


def _texts(settings: Settings) -> str:
    try:
        load_texts(settings.texts.dir)
    except BadSettings as error:
        raise Bad("\n".join(error.problems)) from error
    return f"{len(PLACEHOLDERS)} texts in Chinese and English in {settings.texts.dir}"


def _words(settings: Settings) -> str:
    try:
        Grammar(load_words(read_words(settings.texts.dir)), settings.service)
    except BadSettings as error:
        raise Bad("\n".join(error.problems)) from error
    except (WordsWrong, ValueError) as error:
        raise Bad(str(error)) from error
    return "every word has one meaning, and none is also a service's"


def _catalogue(settings: Settings) -> Catalogue:
    try:
        return load_catalogue(settings.texts.dir)
    except BadSettings as error:
        raise Bad("\n".join(error.problems)) from error


def _menus(settings: Settings) -> str:
    menus = {name for flows in STARTS.values() for name in flows}
    catalogue = _catalogue(settings)
    prompts = {lang: catalogue.words(lang) for lang in LANGS}
    found = [line for start, flows in STARTS.items() for line in problems_of(flows, prompts, start)]
    if found:
        raise Bad("\n".join(f"{line} — mend ivr/flows, or the prompt's words in {settings.texts.dir}" for line in found))
    return f"{len(menus)} menus: each can be reached and left, and from each 0 calls an agent"


def _prompts(settings: Settings) -> str:
    catalogue, folder = _catalogue(settings), settings.ivr.prompts
    found = problems(settings, catalogue)
    if found:
        more = f" and {len(found) - 1} more" if found[1:] else ""
        raise Bad(f"{found[0]}{more} — make them: shouwen prompts build")
    return f"{len(catalogue.fixed())} sounds in Chinese and English in {folder}"


def _database(settings: Settings, config: Path) -> str:
    url = settings.database.url
    revision = require_schema(url, config)
    try:
        with writing_engine(str(url)).begin() as connection:  # locks a SQLite file for writing: it can be written
            if not _may_insert(connection):
                raise Bad(f"{url!r} can't be written — let the user of [database] url INSERT, UPDATE and DELETE in its tables")
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseTrouble(explain(url, error)) from error
    return f"{url!r} is at schema {revision} and can be written"


def _may_insert(connection: sa.Connection) -> bool:
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(sa.select(sa.func.has_table_privilege(event.name, "INSERT"))).scalar_one())


def _billing() -> str:
    return "an operator played inside the service, who charges nobody; there is nothing to reach"


def _address(listen: Endpoint) -> str:
    """Listen there for a moment, as the service will."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen(1)
    except OSError as error:
        why = f"can't listen on {listen}: {error.strerror or error}"
        raise Bad(f"{why} — stop what listens there (the running service?), or set [web] listen to a free address") from error
    return f"{listen} is free"
