"""What shouwen.toml says about calls: the hotline's dialogue, its Asterisk, its queue and its hours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from conf.values import Endpoint, Network, Secret

PACKAGED_PROMPTS = Path("var/prompts")
"""Where `shouwen prompts build` puts the sound files unless told otherwise; relative to the settings file."""

Digits = Annotated[str, Meta(pattern=r"^[0-9]{3,20}\Z", description="3 to 20 digits in quotes")]
Label = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z", description="1 to 32 letters, digits, or _ -")]
_TIME = "([01][0-9]|2[0-4]):[0-5][0-9]"
Clock = Annotated[str, Meta(pattern=rf"^{_TIME}-{_TIME}\Z", description='"HH:MM-HH:MM"')]
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", description='"YYYY-MM-DD"')]
_TRUNK = r"^([A-Za-z0-9._-]{1,64}|[A-Za-z0-9.-]{1,255}:[0-9]{1,5}|)\Z"
Trunk = Annotated[str, Meta(pattern=_TRUNK, description='"HOST:PORT", the name of an endpoint, or ""')]
Wait = Annotated[float, Meta(gt=0, le=60)]
SpeakerName = Annotated[str, Meta(pattern=r"^(espeak|natural)\Z", description='"espeak" or "natural"')]
StyleName = Annotated[str, Meta(pattern=r"^(zm_yunyang|zf_xiaoxiao)\Z", description='"zm_yunyang" or "zf_xiaoxiao"')]


class Ivr(msgspec.Struct, frozen=True, kw_only=True):
    """The hotline's dialogue.

    Attributes:
        listen: where our FastAGI server waits for Asterisk.
        allow: addresses and networks from which Asterisk may come; none: this machine, and `[ami] host` where that is an address.
        number: what people ring; texts name it, and the dialplan answers it.
        country: country calling code of callers' numbers that Asterisk gives in national form.
        key_wait_s: seconds of silence after a prompt before it is said again, shorter.
        attempts: times that a menu is said before the caller is taken to an agent.
        command_s: seconds that Asterisk may take for a command beside the sound it plays, before the call counts as lost.
        calls_max: calls in dialogue at once; one more is sent to the queue by the dialplan.
        prompts: folder of the sound files, one folder a language; made by `shouwen prompts build`.
        voice_own: folder of human recordings that replace those made, file by file; none when it does not exist.
        speaker: whose voice `shouwen prompts build` uses: "espeak", or "natural", which needs the extra of that name. What is
            only known in a call is always spoken by espeak-ng.
        style: of the natural voice in Chinese: "zm_yunyang", a man, or "zf_xiaoxiao", a woman.
        styles: folder of the natural voice's styles; `shouwen prompts build` fetches them there.
        proof_tries: wrong codes that a caller with a hidden number may key.
        proof_valid_min: minutes for which such a code holds.
    """

    listen: Endpoint = Endpoint("127.0.0.1", 4573)
    allow: tuple[Network, ...] = ()
    number: Digits = "10198"
    country: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,2}\Z", description='1 to 3 digits in quotes, such as "86"')] = "86"
    key_wait_s: Wait = 5
    attempts: Annotated[int, Meta(ge=1, le=5)] = 3
    command_s: Wait = 10
    calls_max: Annotated[int, Meta(ge=1, le=10_000)] = 5000
    prompts: Path = PACKAGED_PROMPTS
    voice_own: Path = Path("voice")
    speaker: SpeakerName = "espeak"
    style: StyleName = "zf_xiaoxiao"
    styles: Path = Path("var/styles")
    proof_tries: Annotated[int, Meta(ge=1, le=10)] = 3
    proof_valid_min: Annotated[int, Meta(ge=1, le=60)] = 10


class Phone(msgspec.Struct, frozen=True, kw_only=True):
    """A SIP account written for `shouwen asterisk run`: an agent's phone, or a soft phone to call the hotline with.

    Attributes:
        name: its SIP user name, and PJSIP/NAME in the dialplan.
        secret: its SIP password.
        number: the number that its calls show; "": its name.
    """

    name: Label
    secret: Secret
    number: str = ""


class Asterisk(msgspec.Struct, frozen=True, kw_only=True):
    """The Asterisk of `shouwen asterisk`; no effect on one that runs by itself.

    Attributes:
        path: folder of the fetched Asterisk, or the program itself where one is installed.
        run: folder of its settings, logs and sockets.
        sip: address and UDP port of its SIP; callers from 127.0.0.1 need no password there.
        recordings: folder of recorded calls and complaints.
        rtp_timeout_s: seconds without any sound from a phone after which its call has ended; 0: never. Ours: 120.
        rtp_timeout_hold_s: the same while it is on hold. Ours: 900.
        trunk: where call-backs go out: the operator's SIP as "host:port", or a PJSIP endpoint that exists; "": only to
            the accounts of [[phone]], by their numbers.
    """

    path: Path = Path("var/asterisk")
    run: Path = Path("var/asterisk-run")
    sip: Endpoint = Endpoint("127.0.0.1", 5060)
    recordings: Path = Path("var/recordings")
    rtp_timeout_s: Annotated[int, Meta(ge=0, le=86_400)] = 120
    rtp_timeout_hold_s: Annotated[int, Meta(ge=0, le=86_400)] = 900
    trunk: Trunk = ""


class Ami(msgspec.Struct, frozen=True, kw_only=True):
    """The manager interface of Asterisk.

    Attributes:
        host, port: where it listens.
        username, secret: our account in manager.conf.
        action_s: seconds after which an unanswered action has failed.
        ping_s: seconds of silence after which the link is tested.
        permit: for `shouwen asterisk config`: addresses and networks from which our account may log in; none: this machine where
            Asterisk runs here, else the address of `[ivr] listen`.
    """

    host: Annotated[str, Meta(pattern=r"^[^\s/@]{1,255}\Z", description="a host name or address, without port")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 5038
    username: Label = "shouwen"
    secret: Secret
    action_s: Wait = 5
    ping_s: Wait = 5
    permit: tuple[Network, ...] = ()


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How callers wait for agents.

    Attributes:
        name: of Asterisk's queue.
        max: callers who may wait at once; one more is offered a message or a call-back. 0: no limit.
        owner_ring_s: seconds that the owner of the caller's case rings before anybody else; 0: he does not. Ours: 15.
        ring_s: seconds that one agent rings.
        announce_s: seconds after which a caller in the queue is told his place and wait anew; 0: never. Ours: 60.
        wait_max_s: seconds that a caller waits before he is offered a message or a call-back.
        wrap_up_s: seconds that an agent has after a call.
        record: whether calls with agents are recorded, which is announced.
        keep_recordings_days: days after which recordings are deleted.
        announce_caller: whether agents are told the caller's number aloud before they are connected; phones show it anyway.
        survey: whether callers are asked for a mark after an agent's call, by key, or by text if they have hung up.
        call_back: whether call-backs are offered.
        call_back_tries: attempts to reach a caller.
        call_back_every_min: minutes between them.
    """

    name: Label = "hotline"
    max: Annotated[int, Meta(ge=0, le=10_000)] = 50
    owner_ring_s: Annotated[int, Meta(ge=0, le=120)] = 15
    ring_s: Annotated[int, Meta(ge=5, le=120)] = 20
    wait_max_s: Annotated[int, Meta(ge=10, le=7200)] = 600
    announce_s: Annotated[int, Meta(ge=0, le=3600)] = 60
    wrap_up_s: Annotated[int, Meta(ge=0, le=600)] = 5
    record: bool = True
    keep_recordings_days: Annotated[int, Meta(ge=1, le=3650)] = 180
    announce_caller: bool = False
    survey: bool = True
    call_back: bool = True
    call_back_tries: Annotated[int, Meta(ge=1, le=10)] = 3
    call_back_every_min: Annotated[int, Meta(ge=1, le=24 * 60)] = 15


class Hours(msgspec.Struct, frozen=True, kw_only=True):
    """When agents answer; the dialogue itself answers round the clock.

    Attributes:
        agents: on working days, "HH:MM-HH:MM" in the zone.
        weekend: on days off and holidays; "": not at all.
        holidays: further days off beside China's public holidays.
        working_days: further working days beside China's moved ones.
        new_year: days on which callers are greeted with 新年好, as "YYYY-MM-DD"; the Spring Festival is known.
    """

    agents: Clock = "00:00-24:00"
    weekend: str = "00:00-24:00"
    holidays: tuple[Day, ...] = ()
    working_days: tuple[Day, ...] = ()
    new_year: tuple[Day, ...] = ()


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """Words to be said, in each language."""

    zh: Annotated[str, Meta(min_length=1, max_length=2000)]
    en: Annotated[str, Meta(min_length=1, max_length=2000)]

    def of(self, lang: str) -> str:
        """The words in `lang`, which is "zh" or "en"."""
        return self.en if lang == "en" else self.zh


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """Something that callers ask about, told by key in the consultation menu.

    Attributes:
        key: 1 to 8.
        title: what the menu calls it, in Chinese and English.
        text: what is told.
    """

    key: Annotated[str, Meta(pattern=r"^[1-8]\Z", description='"1" to "8"')]
    title: Spoken
    text: Spoken
