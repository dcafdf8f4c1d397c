"""Asterisk's settings from ours: the templates of conf/asterisk with their @PLACES@ filled.

Files named shouwen_*.conf hold what is the hotline's own and can be included by an existing PBX; the others make an Asterisk
that runs for the hotline alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from zlib import crc32

import conf
from conf.settings import Settings
from conf.testing import Route
from conf.voice import Asterisk, Phone
from ivr.ami_events import WANTED
from ivr.asterisk.fetch import Program

TEMPLATES = Path(conf.__file__).parent / "asterisk"
DIALPLAN = "3"
"""Version of shouwen_extensions.conf, its global variable SHOUWEN_DIALPLAN; raise it when the program needs the new one."""
EMPTY = ("acl", "ccss", "features", "pjproject", "queuerules", "udptl", "websocket_client")
"""Files that Asterisk complains of when they are missing."""
SECRET_FILES = ("shouwen_manager.conf", "shouwen_pjsip.conf")
WRITTEN = "; Nothing to set; Asterisk complains when this file is missing.\n"
_PLACE = re.compile(r"@([A-Z_]+)@")
_UNFIT = re.compile(r"""[\x00-\x1f\x7f,&;"'`$|(){}\[\]]""")
LOCAL = ("127.0.0.1", "localhost", "::1")
"""Names of this machine."""
_ANY = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}


class BadValue(ValueError):
    """A setting that can't stand in Asterisk's files; the text names it and the way out."""


def write(settings: Settings, folder: Path, *, run: Path | None = None, program: Program | None = None) -> list[Path]:
    """Write all of Asterisk's settings files into a folder, which is made when it is missing. What is there is replaced.

    Args:
        run: where that Asterisk keeps its state, logs and sockets; default: `[asterisk] run`.
        program: the Asterisk that will use them, if it is here; modules that it doesn't have are left out.
    Returns: the files, sorted by name.
    Raises: BadValue; OSError when the folder can't be written.
    """
    values = _values(settings, folder.absolute(), (run or settings.asterisk.run).absolute(), program)
    texts = {path.name: _filled(path, values) for path in TEMPLATES.glob("*.conf")}
    if program is not None and program.modules is not None:
        texts["modules.conf"] = _present(texts["modules.conf"], program.modules)
    texts |= {f"{name}.conf": WRITTEN for name in EMPTY}
    folder.mkdir(parents=True, exist_ok=True)
    return [_put(folder / name, texts[name]) for name in sorted(texts)]


def existing(folder: Path) -> list[Path]:
    """Files in a folder that `write` would replace."""
    names = [path.name for path in TEMPLATES.glob("*.conf")] + [f"{name}.conf" for name in EMPTY]
    return [folder / name for name in sorted(names) if (folder / name).exists()]


def agi_address(settings: Settings) -> str:
    """HOST:PORT at which Asterisk looks for our server."""
    at = settings.ivr.listen
    return f"{_ANY.get(at.host, f'[{at.host}]' if ':' in at.host else at.host)}:{at.port}"


def in_dialplan(settings: Settings) -> dict[str, str]:
    """What the dialplan's global variables hold that must be as the settings say. Raises: BadValue."""
    return {
        "SHOUWEN_AGI": f"agi://{agi_address(settings)}",
        "SHOUWEN_QUEUE": settings.queue.name,
        "SHOUWEN_PROMPTS": _path("ivr.prompts", settings.ivr.prompts),
        "SHOUWEN_RECORDINGS": _path("asterisk.recordings", settings.asterisk.recordings),
        "SHOUWEN_TESTERS": _testers(settings),
    }


def sockets(run: Path) -> Path:
    """Folder of the control socket, whose whole name may have 107 bytes (unix(7)): a short one where `run` is too deep."""
    if len(os.fsencode(run / "asterisk.ctl")) < 100:
        return run
    short = f"shouwen-asterisk-{os.getuid()}-{crc32(os.fsencode(run)):08x}"
    return Path("/tmp") / short  # noqa: S108  made with mode 700, and its owner is looked at


def _put(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    mode = 0o640 if path.name in SECRET_FILES else 0o644
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
    return path


def _filled(template: Path, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda match: values[match[1]], template.read_text("utf-8"))


def _present(modules: str, folder: Path) -> str:
    """Without the lines of modules that are not there."""

    def there(line: str) -> bool:
        return not line.startswith("load = ") or (folder / line.removeprefix("load = ")).exists()

    return "".join(line for line in modules.splitlines(keepends=True) if there(line.rstrip("\n")) or line == "\n")


def _values(settings: Settings, folder: Path, run: Path, program: Program | None) -> dict[str, str]:
    ivr, queue, ami = settings.ivr, settings.queue, settings.ami
    local = ami is None or ami.host in LOCAL
    return {
        "DIALPLAN": DIALPLAN,
        "NUMBER": ivr.number,
        "AGI": agi_address(settings),
        "PROMPTS": _path("ivr.prompts", ivr.prompts),
        "VOICE_OWN": _path("ivr.voice_own", ivr.voice_own),
        "RECORDINGS": _path("asterisk.recordings", settings.asterisk.recordings),
        "SIP": str(settings.asterisk.sip),
        "QUEUE": queue.name,
        "QUEUE_MAX": str(queue.max),
        "WAIT_MAX_S": str(queue.wait_max_s),
        "ANNOUNCE_S": str(queue.announce_s),
        "OWNER_RING_S": str(queue.owner_ring_s),
        "RING_S": str(queue.ring_s),
        "WRAP_UP_S": str(queue.wrap_up_s),
        "RECORD": _yes(queue.record),
        "SURVEY": _yes(queue.survey),
        "AMI_ENABLED": _yes(ami is not None),
        "AMI_HOST": "127.0.0.1" if local or ami is None else "0.0.0.0",
        "AMI_PERMIT": "\n".join(f"permit = {each}" for each in permitted(settings)),
        "AMI_PORT": str(ami.port if ami else 5038),
        "AMI_USER": ami.username if ami else "nobody",
        "AMI_SECRET": _text("ami.secret", ami.secret) if ami else "",
        "TESTERS": _testers(settings),
        "RTP_TIMEOUT_S": str(settings.asterisk.rtp_timeout_s),
        "RTP_TIMEOUT_HOLD_S": str(settings.asterisk.rtp_timeout_hold_s),
        "AMI_EVENTS": "|".join(WANTED),
        "TRUNK": _trunk(settings.asterisk),
        "ROUTES": "".join(_route(route) for route in settings.route if route.sip),
        "PHONES": _each(settings.phone, _account),
        "PHONE_NUMBERS": _each(settings.phone, _extension).lstrip("\n"),
        "OUT": _out(settings),
        "ETC": _path("the settings' folder", folder),
        "RUN": _path("asterisk.run", run),
        "SOCKETS": _path("asterisk.run", sockets(run)),
        "MUSIC": _path("asterisk.run", run / "music"),
        "PROGRAM": _folders(program),
    }


def permitted(settings: Settings) -> list[str]:
    """From where our account may log in at the manager interface. Raises: BadValue where that would be anywhere."""
    ami = settings.ami
    if ami is not None and ami.permit:
        return list(ami.permit)
    if ami is None or ami.host in LOCAL:
        return ["127.0.0.1/255.255.255.255"]
    try:
        address = ip_address(settings.ivr.listen.host)
    except ValueError:
        address = None
    if address is None or address.is_unspecified or address.is_loopback:
        raise BadValue(
            f"ami.permit is not set, and ivr.listen = {settings.ivr.listen} is no address at which {ami.host} sees us, so anybody"
            ' who knows ami.secret might log in there; set [ami] permit to the addresses of this machine, such as ["192.0.2.7"]'
        )
    return [f"{address}/{address.max_prefixlen}" if address.version == 6 else f"{address}/255.255.255.255"]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _path(key: str, path: Path) -> str:
    found = str(path.absolute())
    if unfit := _UNFIT.search(found):
        raise BadValue(f'{key} = "{found}": Asterisk understands no {unfit[0]!r} in a path; choose another folder')
    return found


def _text(key: str, value: str) -> str:
    """A value as it stands in a settings file, where ";" would begin a comment."""
    if value != value.strip() or not value.isprintable() or not value:
        raise BadValue(f"{key}: Asterisk understands no blanks at its ends and no control characters; choose another")
    return value.replace(";", "\\;")


def _each(phones: tuple[Phone, ...], make: Callable[[Phone], str]) -> str:
    return "".join(map(make, phones))


def _account(phone: Phone) -> str:
    name, number = phone.name, _text("phone.number", phone.number or phone.name)
    return f"""
[{name}](shouwen-phone)
aors = {name}
auth = {name}
callerid = "{name}" <{number}>
[{name}](shouwen-phone-address)
[{name}](shouwen-phone-password)
username = {name}
password = {_text("phone.secret", phone.secret)}
"""


def _extension(phone: Phone) -> str:
    return f"exten => {phone.name},1,Dial(PJSIP/{phone.name},60)\n"


def _out(settings: Settings) -> str:
    """What rings when a number is dialled from here: an account of ours that has it, or the world."""
    number = settings.ivr.number
    shown = f"Set(CALLERID(all)={number} <{number}>)"
    lines = [f"exten => {each.number},1,{shown}\n same => n,Dial(PJSIP/{each.name},60)" for each in settings.phone if each.number]
    if settings.asterisk.trunk:
        lines.append(f"exten => _X.,1,{shown}\n same => n,Dial(PJSIP/${{EXTEN}}@{trunk_name(settings.asterisk.trunk)},60)")
    return "\n".join(lines) or "; no account has a number, and there is no trunk: nothing can be called"


def trunk_name(trunk: str) -> str:
    """The endpoint of `[asterisk] trunk`: one to be written when it is an address, else one that exists."""
    return "shouwen-trunk" if ":" in trunk else trunk


def _trunk(asterisk: Asterisk) -> str:
    trunk = asterisk.trunk
    if ":" not in trunk:
        return ""
    host = trunk.rpartition(":")[0].strip("[]")
    found = f"""
; The operator's SIP: [asterisk] trunk of shouwen.toml.
[shouwen-trunk]
type = endpoint
context = shouwen
aors = shouwen-trunk
disallow = all
allow = alaw,ulaw
direct_media = no
rtp_symmetric = yes
dtmf_mode = auto
trust_id_inbound = yes
moh_suggest = shouwen
rtp_timeout = {asterisk.rtp_timeout_s}
rtp_timeout_hold = {asterisk.rtp_timeout_hold_s}
[shouwen-trunk]
type = aor
contact = sip:{trunk}
"""
    if host in ("127.0.0.1", "localhost"):
        return found
    return f"{found}[shouwen-trunk]\ntype = identify\nendpoint = shouwen-trunk\nmatch = {host}\n"


def _route(route: Route) -> str:
    """An endpoint for test calls alone: nobody is let in by it, whatever name he gives."""
    name = route.channel
    return f"""
[{name}](shouwen-route)
aors = {name}
[{name}]
type = aor
contact = sip:{route.sip}
"""


def _testers(settings: Settings) -> str:
    """The numbers of test calls that must not reach agents, as the operator may show them, between commas."""
    country = settings.ivr.country
    found: set[str] = set()
    for plan in settings.test_plan:
        if plan.kind == "call" and not plan.agent:
            national = plan.caller_id.removeprefix(country)
            found |= {plan.caller_id, national, f"0{national}", country + national, f"00{country}{national}"}
    return "".join(f",{each}" for each in sorted(found)) + "," if found else ""


def _folders(program: Program | None) -> str:
    if program is None or program.modules is None:
        return "; its modules and sounds are where it was built to look for them"
    return f"astmoddir => {program.modules.absolute()}\nastdatadir => {(program.shared or program.modules).absolute()}"
