"""Far ends of test calls: sipp answers, refuses, rings, or does nothing, as each behaviour says; its own log is the truth.

    with Targets(folder, sounds) as targets:        # targets.routes: [[route]] tables
        ...
        targets.seen()                              # by number dialled: what sipp says of the call

Each behaviour is a sipp of its own. Steps: "100", "180", "183" (with sound, if it has any), a final code, "200", "bye", and whole
numbers: milliseconds to wait.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tests.kit.sipp import FOREVER_MS, Playing, free_port_udp

REASONS = {
    403: "Forbidden", 404: "Not Found", 408: "Request Timeout", 410: "Gone", 480: "Temporarily Unavailable",
    484: "Address Incomplete",
    486: "Busy Here", 488: "Not Acceptable Here", 500: "Server Internal Error", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 600: "Busy Everywhere", 603: "Decline",
}  # fmt: skip
RTP_PORTS = 400
"""Of each sipp; those of Asterisk and of others are elsewhere."""
_HEAD = """[last_Via:]
[last_From:]
[last_To:];tag=[pid]t[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:target@[local_ip]:[local_port]>
"""
_SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=target 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio {media} RTP/AVP {payload} 101
a=rtpmap:{payload} {codec}/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
"""


@dataclass(frozen=True)
class Behaviour:
    """What a far end does.

    Attributes:
        name: of the route that leads there.
        steps: see above.
        sound: A-law without header, played from "183" or "200" on; None: not a packet is sent.
        missing: there is no endpoint at all.
        address: HOST:PORT that the route leads to in place of a sipp.
    """

    name: str
    steps: Sequence[str | int] = ()
    sound: Path | None = None
    missing: bool = False
    address: str = ""


@dataclass
class Seen:
    """A call as sipp's log has it: what came and went, with times.

    Attributes:
        invites: distinct Call-IDs: how often this number was dialled.
        messages: (time, "<" or ">", first line), in order.
    """

    invites: set[str] = field(default_factory=set)
    messages: list[tuple[datetime, str, str]] = field(default_factory=list)

    def first(self, way: str, *words: str) -> datetime | None:
        """When the first message came or went that begins with one of these words."""
        return next((at for at, sent, line in self.messages if sent == way and line.startswith(words)), None)

    @property
    def final(self) -> int:
        """The final code that sipp sent to the INVITE, 0 for none; 487 after a CANCEL is none of its own."""
        codes = [int(line.split()[1]) for _, way, line in self.messages if way == ">" and line.startswith("SIP/2.0 ")]
        canceled = any(way == "<" and line.startswith("CANCEL") for _, way, line in self.messages)
        finals = [code for code in codes if code >= 200]
        return 0 if canceled or not finals else finals[0]

    @property
    def rang(self) -> bool:
        """Whether sipp sent 180."""
        return self.first(">", "SIP/2.0 180") is not None

    def ms(self, *words: str) -> float | None:
        """Milliseconds from the INVITE to sipp's first answer that begins with one of these words."""
        began, ended = self.first("<", "INVITE"), self.first(">", *words)
        return (ended - began).total_seconds() * 1000 if began is not None and ended is not None else None


class Targets:
    """All far ends; `with` starts and ends them."""

    def __init__(self, behaviours: Sequence[Behaviour], asterisk: str, *, traced: bool = True) -> None:
        """Prepare them; `asterisk`: HOST:PORT of its SIP, only for the command line; `traced`: they keep all messages."""
        self.behaviours, self._asterisk, self._traced = {each.name: each for each in behaviours}, asterisk, traced
        self.ports = {each.name: free_port_udp() for each in behaviours if not (each.missing or each.address)}
        self._playing: dict[str, Playing] = {}

    @property
    def routes(self) -> list[dict[str, str]]:
        """The [[route]] tables that lead there."""
        ways = {name: {"sip": f"127.0.0.1:{port}"} for name, port in self.ports.items()}
        ways |= {name: {"sip": each.address} for name, each in self.behaviours.items() if each.address}
        return [{"name": name, **ways.get(name, {"endpoint": "not-there"})} for name in self.behaviours]

    def __enter__(self) -> Self:
        for index, (name, port) in enumerate(self.ports.items()):
            first = 33_000 + index * RTP_PORTS
            ranges = ("-min_rtp_port", str(first), "-max_rtp_port", str(first + RTP_PORTS - 2))
            self._playing[name] = Playing(scenario(self.behaviours[name]), self._asterisk, port, *ranges, traced=self._traced)
        return self

    def __exit__(self, *_: object) -> None:
        for playing in self._playing.values():
            playing.end()

    def seen(self) -> dict[str, Seen]:
        """Every call so far, by the number that was dialled."""
        found: dict[str, Seen] = {}
        for playing in self._playing.values():
            _read(playing.result().raw, found)
        return found

    def errors(self) -> str:
        """What sipps did not expect."""
        return "\n".join(f"{name}: {playing.result().errors[-500:]}" for name, playing in self._playing.items())


_MESSAGE = re.compile(
    r"^-{40,} (\S+)\n\w+ message (sent|received) \[?\(?\d+\)?\]? bytes ?:\n\n(.*?)(?=^-{40,} |\Z)", re.MULTILINE | re.DOTALL
)
_CALL_ID = re.compile(r"^Call-ID: (\S+)", re.MULTILINE)
_INVITE = re.compile(r"INVITE sip:(\d+)@")


def _read(raw: str, found: dict[str, Seen]) -> None:
    numbers: dict[str, str] = {}
    for stamp, way, message in _MESSAGE.findall(raw):
        call_id = _CALL_ID.search(message)
        if call_id is None:
            continue
        if way == "received" and (invite := _INVITE.match(message)):
            numbers[call_id[1]] = invite[1]
            found.setdefault(invite[1], Seen()).invites.add(call_id[1])
        number = numbers.get(call_id[1])
        if number is not None:
            at = datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(UTC)
            found[number].messages.append((at, ">" if way == "sent" else "<", message.split("\n", 1)[0].strip()))


def scenario(behaviour: Behaviour) -> str:
    """The sipp scenario of a behaviour."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="target">\n<recv request="INVITE" rrs="true"><action>'
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="theirs"/>'
        '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="called"/>'
        '<assignstr assign_to="ours" value="[$called];tag=[pid]t[call_number]"/></action></recv>'
    ]
    for label, step in enumerate(behaviour.steps, 1):
        parts.append(_step(behaviour, step, label))
    if not behaviour.steps or behaviour.steps[-1] not in ("bye", *map(str, REASONS)):
        parts.append(_wait(FOREVER_MS, 90, "BYE" if "200" in behaviour.steps else "CANCEL"))
    parts.append('<nop next="9"/>' + _CANCELLED + _BYE_TAKEN + '<label id="9"/><Reference variables="theirs,ours"/></scenario>')
    return "\n".join(parts)


def _step(behaviour: Behaviour, step: str | int, label: int) -> str:
    answered = "200" in behaviour.steps and label > list(behaviour.steps).index("200") + 1
    if isinstance(step, int):
        return _wait(step, 100 + label, "BYE" if answered else "CANCEL")
    if step == "bye":
        return _send_bye()
    if step in ("183", "200"):
        return _with_sound(behaviour, step)
    if step in ("100", "180"):
        return _send(f"{step} {'Trying' if step == '100' else 'Ringing'}", "Content-Length: 0\n")
    return _send(f"{step} {REASONS[int(step)]}", "Content-Length: 0\n", retrans=True) + '<recv request="ACK"/>'


def _with_sound(behaviour: Behaviour, step: str) -> str:
    first = next(each for each in behaviour.steps if each in ("183", "200"))
    media = "[rtpstream_audio_port]" if behaviour.sound else "[auto_media_port]"
    line = "183 Session Progress" if step == "183" else "200 OK"
    said = _send(line, _SDP.format(media=media, payload=8, codec="PCMA"), retrans=step == "200")
    plays = f'<nop><action><exec rtp_stream="{behaviour.sound},1,8,PCMA/8000"/></action></nop>' if behaviour.sound else ""
    return said + ('<recv request="ACK"/>' if step == "200" else "") + (plays if step == first else "")


def _send(line: str, rest: str, *, retrans: bool = False) -> str:
    begin = '<send retrans="500">' if retrans else "<send>"
    return f"{begin}<![CDATA[\nSIP/2.0 {line}\n{_HEAD}{rest}\n]]></send>"


def _wait(ms: int, label: int, request: str) -> str:
    """Wait; a CANCEL or BYE that comes meanwhile is taken, and ends the call."""
    taken = 7 if request == "BYE" else 8
    return f'<recv request="{request}" next="{taken}" timeout="{ms}" ontimeout="{label}"/><label id="{label}"/>'


def _send_bye() -> str:
    return """<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: [$ours]
To: [$theirs]
Call-ID: [call_id]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

]]></send><recv response="200" next="9"/>"""


_OK = """<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>"""
_CANCELLED = (
    '<label id="8"/>'
    + _OK
    + """<send retrans="500"><![CDATA[
SIP/2.0 487 Request Terminated
[last_Via:]
[last_From:]
[last_To:];tag=[pid]t[call_number]
[last_Call-ID:]
CSeq: [cseq] INVITE
Content-Length: 0

]]></send><recv request="ACK" next="9"/>"""
)
_BYE_TAKEN = '<label id="7"/>' + _OK


def alaw_of(samples: Sequence[int]) -> bytes:
    """Samples of 16 bits as A-law (ITU-T G.711)."""
    return bytes(map(_alaw, samples))


def _alaw(sample: int) -> int:
    sign, size = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    exponent = (size >> 8).bit_length()
    mantissa = size >> (exponent + 3) & 0x0F if exponent else size >> 4 & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55


def sounds_of(wavs: Mapping[str, Path], folder: Path, *, seconds: float = 0) -> dict[str, Path]:
    """Sound files (8 kHz, 16 bit) as A-law without header, by the same names; `seconds`: silence before each."""
    import wave
    from array import array

    found = {}
    for name, path in wavs.items():
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1), path
            samples = array("h", file.readframes(file.getnframes()))
        found[name] = folder / f"{name}.al"
        found[name].write_bytes(alaw_of([0] * round(8000 * seconds)) + alaw_of(samples))
    return found
