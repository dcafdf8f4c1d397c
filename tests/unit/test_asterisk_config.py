"""Asterisk's settings as they are written: complete, with our values in them, and safe against what people set."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conf.load import load, parse, write_example
from conf.settings import Settings
from ivr.ami_events import WANTED
from ivr.asterisk import commands, config, music
from ivr.asterisk.fetch import MODULES, NoAsterisk, Program, find

LOADED = re.compile(r"^load = (\S+)$", re.M)


def settings(folder: Path, toml: str = "") -> Settings:
    return parse(toml, folder)


def written(folder: Path, toml: str = "", **options: Any) -> dict[str, str]:
    """The files by name."""
    return {path.name: path.read_text("utf-8") for path in config.write(settings(folder, toml), folder / "etc", **options)}


def entries(text: str) -> list[str]:
    """Without comments and empty lines."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith(";")]


def test_no_place_is_left_open(tmp_path: Path) -> None:
    files = written(tmp_path)
    assert {name: found for name, text in files.items() if (found := re.findall(r"@[A-Z_]+@", text))} == {}
    assert len(files) == len(list(config.TEMPLATES.glob("*.conf"))) + len(config.EMPTY)


def test_every_file_says_what_it_is_for(tmp_path: Path) -> None:
    for name, text in written(tmp_path).items():
        assert ";" in text, name
    for name in ("extensions", "pjsip", "queues", "manager"):
        text = (config.TEMPLATES / f"shouwen_{name}.conf").read_text("utf-8")
        assert f'#include "shouwen_{name}.conf"' in text, "it tells how to be merged"
        assert f'#include "shouwen_{name}.conf"' in entries((config.TEMPLATES / f"{name}.conf").read_text("utf-8"))


def test_the_settings_of_the_hotline_are_in_them(tmp_path: Path) -> None:
    files = written(
        tmp_path,
        """
        [ivr]
        listen = "0.0.0.0:4999"
        number = "95123"
        [queue]
        name = "help"
        max = 7
        ring_s = 11
        owner_ring_s = 13
        wait_max_s = 77
        announce_s = 45
        wrap_up_s = 3
        record = false
        survey = false
        call_back = false
        [ami]
        port = 5039
        username = "us"
        secret = "long"
        [asterisk]
        sip = "127.0.0.1:5070"
        """,
    )
    dialplan, queue = files["shouwen_extensions.conf"], entries(files["shouwen_queues.conf"])
    assert {
        f"SHOUWEN_DIALPLAN = {config.DIALPLAN}", "SHOUWEN_AGI = agi://127.0.0.1:4999", "SHOUWEN_QUEUE = help",
        "SHOUWEN_WAIT_S = 77", "SHOUWEN_RECORD = no", "SHOUWEN_SURVEY = no", f"SHOUWEN_PROMPTS = {tmp_path}/var/prompts",
        f"SHOUWEN_OWN = {tmp_path}/voice", f"SHOUWEN_RECORDINGS = {tmp_path}/var/recordings", "SHOUWEN_ANNOUNCE_S = 45",
        "exten => 95123,1,Set(SHOUWEN_STAGE=entered)",
    } <= set(entries(dialplan))  # fmt: skip
    assert "?13:${SHOUWEN_OWNER_RING}" in dialplan
    hint = 'gm(shouwen)${IF($["${SHOUWEN_WHISPER}" = ""]?:A(${SHOUWEN_WHISPER}))})'
    assert dialplan.count(hint) == 1, "the owner hears who rings, where a sound is set"
    assert dialplan.count("Queue(${SHOUWEN_QUEUE},c,,${SHOUWEN_WHISPER},${SHOUWEN_LEFT_S},") == 2, "as do the others"
    assert {
        "[help]", "maxlen = 7", "timeout = 11", "wrapuptime = 3", "autofill = yes", "ringinuse = no", "context = shouwen-waiting",
        "timeoutpriority = conf",
    } <= set(queue)  # fmt: skip
    assert {"enabled = yes", "bindaddr = 127.0.0.1", "port = 5039"} <= set(entries(files["manager.conf"]))
    assert {"[us]", "secret = long", "permit = 127.0.0.1/255.255.255.255"} <= set(entries(files["shouwen_manager.conf"]))
    assert "bind = 127.0.0.1:5070" in files["pjsip.conf"]


def test_asterisk_sends_the_events_that_are_listened_to_and_no_others(tmp_path: Path) -> None:
    (line,) = [each for each in entries(written(tmp_path)["shouwen_manager.conf"]) if each.startswith("eventfilter = ")]
    wanted = re.compile(line.removeprefix("eventfilter = "))
    assert all(wanted.match(f"Event: {name}\r\nPrivilege: call,all\r\n") for name in WANTED)
    for name in ("Newchannel", "DeviceStateChange", "HangupRequested", "SoftHangupRequest", "QueueMember", "Newstate"):
        assert wanted.match(f"Event: {name}\r\nPrivilege: call,all\r\n") is None, name


def test_without_ami_nobody_may_log_in(tmp_path: Path) -> None:
    assert "enabled = no" in written(tmp_path)["manager.conf"]


def test_ami_of_another_machine(tmp_path: Path) -> None:
    files = written(tmp_path, '[ami]\nhost = "pbx.example"\nsecret = "x"\npermit = ["192.0.2.7", "198.51.100.0/24"]')
    assert "bindaddr = 0.0.0.0" in files["manager.conf"]
    permits = [line for line in entries(files["shouwen_manager.conf"]) if line.startswith("permit")]
    assert permits == ["permit = 192.0.2.7/32", "permit = 198.51.100.0/24"]


@pytest.mark.parametrize("listen", ["127.0.0.1:4573", "0.0.0.0:4573", "[::]:4573", "here.example:4573"])
def test_an_account_for_anybody_is_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(config.BadValue, match=r"set \[ami\] permit to"):
        written(tmp_path, f'[ivr]\nlisten = "{listen}"\n[ami]\nhost = "pbx.example"\nsecret = "x"')
    assert not (tmp_path / "etc").exists()


def test_phones_that_vanish_are_hung_up(tmp_path: Path) -> None:
    files = written(tmp_path, '[asterisk]\ntrunk = "sip.example:5060"\nrtp_timeout_s = 33\nrtp_timeout_hold_s = 44')
    accounts = entries(files["shouwen_pjsip.conf"])
    # a test call ends by itself, and one that hears nothing is not to be taken for one that vanished
    assert accounts.count("type = endpoint") == 4
    assert accounts.count("rtp_timeout = 33") == accounts.count("rtp_timeout_hold = 44") == 3


def test_ami_of_another_machine_lets_only_our_address_in(tmp_path: Path) -> None:
    files = written(tmp_path, '[ivr]\nlisten = "192.0.2.7:4573"\n[ami]\nhost = "pbx.example"\nsecret = "x"')
    assert "permit = 192.0.2.7/255.255.255.255" in entries(files["shouwen_manager.conf"])


def test_accounts(tmp_path: Path) -> None:
    files = written(
        tmp_path,
        '[[phone]]\nname = "2001"\nsecret = "a;b"\nnumber = "13800000001"\n[[phone]]\nname = "anna"\nsecret = "c"\n',
    )
    accounts = files["shouwen_pjsip.conf"]
    assert 'callerid = "2001" <13800000001>' in accounts
    assert 'callerid = "anna" <anna>' in accounts
    assert "password = a\\;b" in accounts, "a semicolon would begin a comment"
    assert "exten => anna,1,Dial(PJSIP/anna,60)" in files["shouwen_extensions.conf"]
    assert "exten => 13800000001,1,Set(CALLERID(all)=10198 <10198>)" in files["shouwen_extensions.conf"]


def test_who_registers_is_known_by_name_before_address(tmp_path: Path) -> None:
    order = re.search(r"^endpoint_identifier_order = (.*)", written(tmp_path)["pjsip.conf"], re.M)
    assert order is not None
    assert order[1].split(",").index("username") < order[1].split(",").index("ip")


@pytest.mark.parametrize(
    ("trunk", "dialled", "contact", "match"),
    [
        ("", "", "", ""),
        ("operator", "Dial(PJSIP/${EXTEN}@operator,60)", "", ""),
        ("127.0.0.1:5090", "Dial(PJSIP/${EXTEN}@shouwen-trunk,60)", "contact = sip:127.0.0.1:5090", ""),
        ("sip.example:5060", "Dial(PJSIP/${EXTEN}@shouwen-trunk,60)", "contact = sip:sip.example:5060", "match = sip.example"),
    ],
)
def test_the_way_out(tmp_path: Path, trunk: str, dialled: str, contact: str, match: str) -> None:
    files = written(tmp_path, f'[asterisk]\ntrunk = "{trunk}"')
    assert dialled in files["shouwen_extensions.conf"]
    assert ("_X." in files["shouwen_extensions.conf"].partition("[shouwen-out]")[2]) is bool(trunk)
    assert contact in files["shouwen_pjsip.conf"]
    assert ("[shouwen-trunk]" in files["shouwen_pjsip.conf"]) is bool(contact)
    assert match in files["shouwen_pjsip.conf"]


def test_passwords_are_not_for_everybody(tmp_path: Path) -> None:
    written(tmp_path, '[ami]\nsecret = "x"')
    for name in config.SECRET_FILES:
        assert (tmp_path / "etc" / name).stat().st_mode & 0o007 == 0, name


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('[ami]\nsecret = "a\\nb"', "ami.secret"),
        ('[ami]\nsecret = " a"', "ami.secret"),
        ('[[phone]]\nname = "x"\nsecret = "a\\u0000"', "phone.secret"),
        ('[[phone]]\nname = "x"\nsecret = "a"\nnumber = "1\\n[evil]"', "phone.number"),
        ('[ivr]\nprompts = "a,b"', "ivr.prompts"),
        ('[ivr]\nvoice_own = "a&b"', "ivr.voice_own"),
        ('[asterisk]\nrecordings = "${SHELL(x)}"', "asterisk.recordings"),
    ],
)
def test_what_would_break_out_of_a_line_is_refused(tmp_path: Path, toml: str, told: str) -> None:
    with pytest.raises(config.BadValue, match=re.escape(told)) as caught:
        written(tmp_path, toml)
    assert "choose another" in str(caught.value)
    assert not (tmp_path / "etc").exists()


def test_a_secret_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(config.BadValue) as caught:
        written(tmp_path, '[ami]\nsecret = " hush"')
    assert "hush" not in str(caught.value)


def test_modules_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "res_agi.so").touch()
    files = written(tmp_path, program=Program(tmp_path / "asterisk", "18.9.0", folder, tmp_path))
    assert LOADED.findall(files["modules.conf"]) == ["res_agi.so"]
    assert f"astmoddir => {folder}" in files["asterisk.conf"]
    assert len(LOADED.findall(written(tmp_path)["modules.conf"])) > 50
    assert "astmoddir" not in written(tmp_path)["asterisk.conf"], "an installed one knows where its modules are"


def test_writing_again_replaces_and_leaves_what_is_not_ours(tmp_path: Path) -> None:
    written(tmp_path)
    mine = tmp_path / "etc" / "custom_pjsip.conf"
    mine.write_text("mine")
    assert "secret = new" in written(tmp_path, '[ami]\nsecret = "new"')["shouwen_manager.conf"]
    assert mine.read_text() == "mine"
    assert not list((tmp_path / "etc").glob(".*"))


def test_the_control_socket_has_a_name_that_the_system_takes(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 30)
    assert len(str(config.sockets(deep) / "asterisk.ctl")) < 100
    assert config.sockets(deep) != config.sockets(deep / "er")
    assert config.sockets(Path("/run/a")) == Path("/run/a")


def test_dialplan_never_jumps_into_nothing(tmp_path: Path) -> None:
    """Each label that a line jumps to is there, and so is each context."""
    text = "\n".join(entries(written(tmp_path)["shouwen_extensions.conf"]))
    contexts = set(re.findall(r"^\[([a-z-]+)\]$", text, re.M))
    assert set(re.findall(r"Gosub\(([a-z-]+),", text)) <= contexts
    assert set(re.findall(r"^include => (\S+)$", text, re.M)) <= contexts
    labels = set(re.findall(r"n\(([a-z0-9-]+)\)", text))
    jumps = {label for found in re.findall(r"GotoIf\(.*\?([a-z0-9:-]+)\)$", text, re.M) for label in found.split(":")}
    jumps |= set(re.findall(r"Goto\((?:10198,|shouwen,10198,)?([a-z-]+)\)", text))
    assert jumps - labels == set()


def test_each_script_is_watched(tmp_path: Path) -> None:
    """A server that takes a call and then says nothing is left after 2 s, whatever it was asked for."""
    lines = entries(written(tmp_path)["shouwen_extensions.conf"])
    for before, line in pairwise(lines):
        if "AGI(" in line and "/after" not in line:
            assert before.endswith("Set(TIMEOUT(absolute)=2)"), line


def test_init_writes_the_same_secret_on_both_sides(tmp_path: Path) -> None:
    first, second = (load(write_example(tmp_path / name)[0]) for name in ("a", "b"))
    assert first.ami is not None
    assert second.ami is not None
    assert first.ami.secret != second.ami.secret
    assert len(first.ami.secret) > 20
    assert first.phone[0].secret not in (first.ami.secret, second.phone[0].secret)
    commands.write(first, tmp_path / "a" / "asterisk")
    assert f"secret = {first.ami.secret}" in (tmp_path / "a/asterisk/shouwen_manager.conf").read_text()
    with pytest.raises(FileExistsError, match=r"not overwritten: .*acl.conf"):
        commands.refuse_existing(tmp_path / "a" / "asterisk")


def test_no_asterisk_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NoAsterisk, match="get one with: shouwen asterisk fetch"):
        find(tmp_path)


def test_an_installed_asterisk(tmp_path: Path) -> None:
    program = tmp_path / "asterisk"
    program.write_text("#!/bin/sh\necho 'Asterisk certified/18.9-cert5'\n")
    program.chmod(0o755)
    assert find(program) == Program(program, "18.9", None, None)
    assert find(program).known
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(NoAsterisk, match="does not start"):
        find(program)


def test_a_fetched_one_has_its_own_modules(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "asterisk"
    program.write_text("#!/bin/sh\necho 'Asterisk 22.10.1+dfsg+~cs6.17.60671434-1'\n")
    program.chmod(0o755)
    found = find(tmp_path)
    assert (found.version, found.modules) == ("22.10.1", tmp_path / MODULES)


def test_music_is_soft_and_not_silent(tmp_path: Path) -> None:
    import wave
    from array import array

    music.write(tmp_path / "hold.wav")
    with wave.open(str(tmp_path / "hold.wav")) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        samples = array("h", file.readframes(file.getnframes()))
    assert len(samples) == 16 * 8000
    assert 1500 < max(samples) <= music.LEVEL
