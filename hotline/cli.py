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

from hotline import report_options

if TYPE_CHECKING:
    from conf.settings import Settings


SIMULATED = ("smsc", "billing", "asterisk")
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
    roles = "sms,ivr,billing,web,testcalls"
    serve.add_argument("--role", default=roles, metavar="ROLE,…", help=f"{roles.replace(',', ', ')} (default: all)")
    demo = add("demo", _demo, "Run everything on loopback with simulated peers, and a handset on a page.", config=False)
    demo.add_argument("--web", default="127.0.0.1:8080", metavar="HOST:PORT", help="where the page is (default %(default)s)")
    demo.add_argument(
        "--asterisk", type=Path, metavar="PATH", help="call by a real Asterisk: its program, or a folder to get one into"
    )
    demo.add_argument("--cache", type=Path, metavar="DIR", help="keep the sounds there (default: ~/.cache/shouwen)")
    init = add("init", _init, "Write a commented shouwen.toml, the texts and Asterisk's settings into a folder.", config=False)
    init.add_argument("dir", type=Path, metavar="DIR")
    add(
        "check",
        _check,
        "Check settings, texts, sounds, test plans, database, SMSC binds, Asterisk and the web's address; status 1 if any fails.",
    )
    db = add("db", None, "Look after the database.", config=False).add_subparsers(required=True, metavar="COMMAND")
    upgrade = db.add_parser("upgrade", help="bring the database to the schema of this program")
    upgrade.set_defaults(run=_db_upgrade)
    upgrade.add_argument("--config", type=Path, required=True, metavar="FILE", help="shouwen.toml")
    rebuild = add("rebuild", _rebuild, "Verify the chain of events and make all states again; status 1 on any difference.")
    rebuild.add_argument("--write", action="store_true", help="replace the rows that differ (the service must be stopped)")
    erase = add("erase", _erase, "Erase texts older than [rules] records_kept_months, and old recordings; consents stay.")
    erase.add_argument("--dry-run", action="store_true", help="only count")
    _asterisk_parser(add("asterisk", None, "Get an Asterisk without root, write its settings, run it with them.", config=False))
    prompts = add("prompts", None, "Look after the sounds that callers hear.", config=False)
    build = prompts.add_subparsers(required=True, metavar="COMMAND").add_parser("build", help="make what is missing or old")
    build.set_defaults(run=_prompts_build)
    build.add_argument("--config", type=Path, required=True, metavar="FILE", help="shouwen.toml")
    _agent_parser(add("agent", None, "Log agents in and out, pause and resume them, in the running service.", config=False))
    _surge_parser(add("surge", None, "Declare that more people ring than can be served: announcement first.", config=False))
    report_options.add_to(add("report", _report, "Write a report of a day or of several: how well the hotline was reached."))
    simulate = add("simulate", None, "Run the other side of a wire, with faults on command.", config=False)
    simulate.add_argument("what", choices=SIMULATED, help="shouwen simulate smsc --help lists its options")
    return parser


def _agent_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    about = {
        "list": "show every agent, where his calls ring, and whether he takes any",
        "login": "an agent takes calls from now on",
        "logout": "an agent takes no calls any more",
        "pause": "an agent takes no calls for a while",
        "resume": "a paused agent takes calls again",
    }
    for what, words in about.items():
        command = commands.add_parser(what, help=words, description=words)
        command.set_defaults(run=_agent, what=what)
        if what != "list":
            command.add_argument("name", metavar="NAME", help="the agent")
        if what == "login":
            command.add_argument("--endpoint", required=True, metavar="TECH/NAME", help="where he is rung, such as PJSIP/2001")
        if what == "pause":
            command.add_argument("--reason", required=True, metavar="WORDS", help="why, such as lunch")
        command.add_argument("--as", dest="token", default="", metavar="TOKEN", help="name of the API token (default: the first)")
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="shouwen.toml")


def _surge_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    about = {
        "on": "callers hear an announcement first, and short menus",
        "off": "callers hear the usual menus again",
        "show": "show whether there is a surge",
    }
    for what, words in about.items():
        command = commands.add_parser(what, help=words, description=words)
        command.set_defaults(run=_surge, what=what)
        if what == "on":
            for lang, name in (("zh", "Chinese"), ("en", "English")):
                command.add_argument(f"--text-{lang}", default="", metavar="WORDS", help=f"what callers hear first in {name}")
            command.add_argument("--minutes", type=int, default=0, metavar="N", help="it ends by itself after so many")
        command.add_argument("--as", dest="token", default="", metavar="TOKEN", help="name of the API token (default: the first)")
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="shouwen.toml")


def _asterisk_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    about = {
        "fetch": "get one from a newer Debian, without root, into [asterisk] path",
        "config": "write its settings into a folder",
        "run": "run it in the foreground until SIGINT or SIGTERM",
    }
    for what, words in about.items():
        command = commands.add_parser(what, help=words, description=words)
        command.set_defaults(run=_asterisk, what=what)
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="shouwen.toml")
        if what == "config":
            command.add_argument("dir", type=Path, metavar="DIR")


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
    # The listening's sums are small: numpy's threads would spin beside them for three times the CPU. It reads this when loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
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
    from hotline.demo import Demo, cache_folder
    from hotline.demo_asterisk import NoCalls, how_to_call

    logs.configure("warning", "text")
    from twisted.internet import reactor

    try:
        demo = Demo(reactor, web=options.web, cache=options.cache or cache_folder(), asterisk=options.asterisk)
        if wrong := demo.prepare(sys.stderr):
            sys.stderr.write(f"some calls will be silent: {wrong}\n")
        url = demo.start()
    except BadSettings as error:
        raise Stop(f"--web {options.web}: is no address; give HOST:PORT, such as 127.0.0.1:0 for any free port") from error
    except NoCalls as error:
        raise Stop(str(error)) from error
    except CannotStart as error:
        raise Stop(f"{error} (another demo running? try: shouwen demo --web 127.0.0.1:0)") from error
    except OSError as error:
        raise Stop(f"the demo needs a folder for its database: {error}; set TMPDIR to one that this user may write") from error
    number = demo.settings.ivr.number
    calls = how_to_call(demo.settings) if options.asterisk else f"Or call {number} on it: 1 cancels, 0 gets an agent.\n"
    ready = (
        f"Shouwen's demo is running: open {url}\n"
        "Text DZ 10, then Y, 0000 and TD 10 on the phone; beside it you see why each step happened.\n"
        f"{calls}"
        "Ctrl-C ends it; nothing is kept.\n"
    )
    _run_until_stopped(reactor, demo.stop, ready)
    return 0


def _init(options: argparse.Namespace) -> int:
    from conf.load import write_example
    from ivr.asterisk import commands

    asterisk = options.dir / "asterisk"
    try:
        commands.refuse_existing(asterisk)
        written = write_example(options.dir)
        commands.write(load_settings(written[0]), asterisk)
    except commands.Refused as error:
        raise Stop(str(error)) from error
    except OSError as error:
        if error.errno is None:
            raise Stop(str(error)) from error
        raise Stop(f"can't write into {options.dir}: {error.strerror}; give a folder that this user may write") from error
    for path in written:
        sys.stdout.write(f"wrote {path}\n")
    sys.stdout.write(f"wrote {asterisk}/*.conf, for an Asterisk that is there already\n")
    config = shlex.quote(str(written[0]))
    steps = "; ".join(f"shouwen {each} --config {config}" for each in ("db upgrade", "prompts build", "check"))
    sys.stdout.write(f"next: edit {config}, then: {steps}\n")
    return 0


def _prompts_build(options: argparse.Namespace) -> int:
    from conf.problems import BadSettings
    from ivr.prompts.commands import build_prompts

    try:
        return build_prompts(load_settings(options.config), sys.stdout)
    except BadSettings as error:
        raise Stop(str(error)) from error


def _asterisk(options: argparse.Namespace) -> int:
    from ivr.asterisk import commands

    settings = load_settings(options.config)

    def say(words: str) -> None:
        sys.stdout.write(words)
        sys.stdout.flush()

    try:
        if options.what == "config":
            return commands.write_config(settings, options.dir, say)
        return (commands.fetch if options.what == "fetch" else commands.run_foreground)(settings, say)
    except commands.Refused as error:
        raise Stop(str(error)) from error


def _report(options: argparse.Namespace) -> int:
    from hotline.report_cli import Refused, carry_out

    try:
        return carry_out(load_settings(options.config), options)
    except (Refused, ValueError) as error:
        raise Stop(str(error)) from error


def _agent(options: argparse.Namespace) -> int:
    from hotline.agents_cli import carry_out
    from hotline.asking import Refused

    body = {key: value for key in ("endpoint", "reason") if (value := getattr(options, key, None)) is not None}
    try:
        settings = load_settings(options.config)
        return carry_out(settings, options.what, getattr(options, "name", ""), body, options.token, sys.stdout.write)
    except Refused as error:
        raise Stop(str(error)) from error


def _surge(options: argparse.Namespace) -> int:
    from hotline.asking import Refused
    from hotline.surge_cli import MOST_MINUTES, carry_out

    minutes = getattr(options, "minutes", 0)
    if not 0 <= minutes <= MOST_MINUTES:
        raise Stop(f"--minutes {minutes}: give 1 to {MOST_MINUTES}, or leave it out")
    text = {lang: getattr(options, f"text_{lang}", "") for lang in ("zh", "en")}
    try:
        return carry_out(load_settings(options.config), options.what, text, minutes, options.token, sys.stdout.write)
    except Refused as error:
        raise Stop(str(error)) from error


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
    if what == "asterisk":
        from ivr.simulator.__main__ import main as asterisk

        return asterisk(options, "shouwen simulate asterisk")
    from billing_bridge.adapters.__main__ import main as billing

    return billing(options)


if __name__ == "__main__":
    sys.exit(main())
