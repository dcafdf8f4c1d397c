"""The command `shouwen`: each subcommand ends with status 0 when it did its work, 1 when not, and never with a traceback."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conf.settings import Settings


SIMULATED = ("smsc", "billing")
"""What `shouwen simulate` can be."""
TRACEBACK = "SHOUWEN_TRACEBACK"
"""Environment variable that has errors of the program itself shown with their traceback."""


class Stop(Exception):
    """End with status 1 and this message, which names the thing and the way out."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["simulate"] and words[1:2] and words[1] in SIMULATED:
            return _simulate(words[1], words[2:])  # argparse would take a --help behind it for its own
        options = _parser().parse_args(words)
        return int(options.run(options) or 0)
    except Stop as error:
        return _stopped(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        return 1
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        what = f"{type(error).__name__}: {error}"
        return _stopped(f"an error of the program itself: {what}; please report it with what {TRACEBACK}=1 shows")


def _stopped(words: str) -> int:
    sys.stderr.write(f"shouwen: {words}\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="shouwen", description="The customer hotline of a value-added service provider.")
    parser.add_argument("--version", action="version", version=f"shouwen {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Any, about: str, *, config: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(run=run)
        if config:
            command.add_argument("--config", type=Path, required=True, metavar="FILE", help="shouwen.toml")
        return command

    serve = add("serve", _serve, "Run the service until it gets SIGINT or SIGTERM.")
    serve.add_argument("--role", default="sms,billing,web", metavar="ROLE,…", help="sms, billing, web (default: all)")
    demo = add("demo", _demo, "Run everything on loopback with simulated peers, and a handset on a page.", config=False)
    demo.add_argument("--web", default="127.0.0.1:8080", metavar="HOST:PORT", help="where the page is (default %(default)s)")
    init = add("init", _init, "Write a commented shouwen.toml and the texts into a folder.", config=False)
    init.add_argument("dir", type=Path, metavar="DIR")
    add("check", _check, "Check settings, texts, database, SMSC binds and the web's address; status 1 if any fails.")
    db = add("db", None, "Look after the database.", config=False).add_subparsers(required=True, metavar="COMMAND")
    upgrade = db.add_parser("upgrade", help="bring the database to the schema of this program")
    upgrade.set_defaults(run=_db_upgrade)
    upgrade.add_argument("--config", type=Path, required=True, metavar="FILE", help="shouwen.toml")
    rebuild = add("rebuild", _rebuild, "Verify the chain of events and make all states again; status 1 on any difference.")
    rebuild.add_argument("--write", action="store_true", help="replace the rows that differ (the service must be stopped)")
    erase = add("erase", _erase, "Erase message texts older than [rules] records_kept_months; consents stay.")
    erase.add_argument("--dry-run", action="store_true", help="only count")
    simulate = add("simulate", None, "Run the other side of a wire, with faults on command.", config=False)
    simulate.add_argument("what", choices=SIMULATED, help="shouwen simulate smsc --help lists its options")
    return parser


def _version() -> str:
    try:
        return version("shouwen")
    except PackageNotFoundError:
        return "of a source tree that is not installed"


def load_settings(path: Path) -> Settings:
    """Read the settings; raises Stop naming every mistake."""
    from conf.load import load
    from conf.problems import BadSettings

    try:
        return load(path)
    except BadSettings as error:
        raise Stop(str(error)) from error


def _serve(options: argparse.Namespace) -> int:
    from conf.problems import BadSettings
    from hotline import logs
    from hotline.app import ROLES, App, CannotStart
    from sms.words import WordsWrong

    roles = tuple(role.strip() for role in options.role.split(",") if role.strip())
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not roles:
        raise Stop(f"--role: {', '.join(unknown) or 'nothing'} is no role; there are {', '.join(ROLES)}")
    settings = load_settings(options.config)
    logs.configure(settings.log.level, settings.log.format)
    from twisted.internet import reactor

    try:
        app = App(settings, reactor, roles=roles)
        app.start()
    except (CannotStart, BadSettings, WordsWrong, ValueError) as error:
        raise Stop(str(error).replace("--config FILE", f"--config {shlex.quote(str(options.config))}")) from error
    _run_until_stopped(reactor, app.stop, f"ready: {_url(app.port) if app.port is not None else ', '.join(roles)}\n")
    return 1 if app.failed else 0


def _url(port: Any) -> str:
    at = port.getHost()
    return f"http://{f'[{at.host}]' if ':' in at.host else at.host}:{at.port}/"


def _run_until_stopped(reactor: Any, stop: Any, ready: str) -> None:
    """Run the reactor; say `ready` once a signal will end it in good order."""
    from twisted.internet.defer import ensureDeferred, maybeDeferred

    def ending() -> Any:
        ended = stop()
        return ended if hasattr(ended, "addCallback") else ensureDeferred(ended)

    def say() -> None:
        sys.stdout.write(ready)
        sys.stdout.flush()

    reactor.addSystemEventTrigger("before", "shutdown", lambda: maybeDeferred(ending))
    reactor.callLater(0, say)
    reactor.run()


def _demo(options: argparse.Namespace) -> int:
    from conf.problems import BadSettings
    from hotline import logs
    from hotline.app import CannotStart
    from hotline.demo import Demo

    logs.configure("warning", "text")
    from twisted.internet import reactor

    try:
        demo = Demo(reactor, web=options.web)
        url = demo.start()
    except BadSettings as error:
        raise Stop(f"--web {options.web}: is no address; give HOST:PORT, such as 127.0.0.1:0 for any free port") from error
    except CannotStart as error:
        raise Stop(f"{error} (another demo running? try: shouwen demo --web 127.0.0.1:0)") from error
    except OSError as error:
        raise Stop(f"the demo needs a folder for its database: {error}; set TMPDIR to one that this user may write") from error
    ready = (
        f"Shouwen's demo is running: open {url}\n"
        "Text DZ 10, then Y, 0000 and TD 10 on the phone; beside it you see why each step happened.\n"
        "Ctrl-C ends it; nothing is kept.\n"
    )
    _run_until_stopped(reactor, demo.stop, ready)
    return 0


def _init(options: argparse.Namespace) -> int:
    from conf.load import write_example

    try:
        written = write_example(options.dir)
    except OSError as error:
        if error.errno is None:
            raise Stop(str(error)) from error
        raise Stop(f"can't write into {options.dir}: {error.strerror}; give a folder that this user may write") from error
    for path in written:
        sys.stdout.write(f"wrote {path}\n")
    config = shlex.quote(str(written[0]))
    sys.stdout.write(f"next: edit {config}, then: shouwen db upgrade --config {config}; shouwen check --config {config}\n")
    return 0


def _db_upgrade(options: argparse.Namespace) -> int:
    from hotline.database import explain
    from hotline.storage.upgrade import upgrade

    settings = load_settings(options.config)
    url = settings.database.url
    try:
        revision = upgrade(str(url))
    except Exception as error:  # any driver's own error: the way out is the same
        raise Stop(explain(url, error)) from error
    sys.stdout.write(f"{url!r} is at schema {revision}\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    from hotline.check import check

    return check(options.config, sys.stdout)


def _rebuild(options: argparse.Namespace) -> int:
    from hotline.maintenance import rebuild_all

    return rebuild_all(load_settings(options.config), sys.stdout, write=options.write)


def _erase(options: argparse.Namespace) -> int:
    from hotline.maintenance import erase_old

    return erase_old(load_settings(options.config), sys.stdout, dry_run=options.dry_run)


def _simulate(what: str, options: list[str]) -> int:
    if what == "smsc":
        from sms.simulator.__main__ import main as smsc

        return smsc(options, "shouwen simulate smsc")
    from billing_bridge.adapters.__main__ import main as billing

    return billing(options)


if __name__ == "__main__":
    sys.exit(main())
