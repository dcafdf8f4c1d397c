"""AGI's commands as Asterisk 22 carries them out; each answers once, now or later, by `answer`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ivr.simulator.channel import GONE, KEY, Channel, Happened, name_of, write_silence

DEAD = "511 Command Not Permitted on a dead channel or intercept routine"
UNKNOWN = "510 Invalid or unknown command"
SYNTAX = "520-Invalid command syntax.  Proper usage follows:\nSee the list of commands.\n520 End of proper usage."
ALL_KEYS = "0123456789*#ABCD"
Answer = Callable[[str], None]
Sounds = Callable[[str], float | None]
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_NUMBER = re.compile(r"\$\{CALLERID\(num\)\}|\$\{CHANNEL\(name\)\}|\$\{([A-Z_]+)\}")


def words_of(line: str) -> list[str]:
    """The words of a command; quoted ones may hold blanks, and \\ takes the next character as it is."""
    found = []
    for match in _WORD.finditer(line):
        quoted, bare = match.groups()
        found.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare)
    return found


class Commands:
    """The commands on one channel; `sounds` tells how long a sound lasts, None when it does not exist."""

    def __init__(self, channel: Channel, sounds: Sounds, *, writes: bool = True) -> None:
        """Take a channel; `writes`: recordings leave a file."""
        self._channel, self._sounds, self._writes = channel, sounds, writes
        self._database: dict[tuple[str, str], str] = {}

    def run(self, line: str, answer: Answer) -> None:
        """Carry out a command."""
        words = words_of(line)
        for length in (3, 2, 1):
            found = COMMANDS.get(" ".join(words[:length]).upper())
            if found is not None:
                break
        else:
            answer(UNKNOWN)
            return
        living, carry_out = found
        if living and self._channel.hung_up:
            answer(DEAD)
            return
        try:
            carry_out(self, words[length:], answer)
        except (IndexError, ValueError):
            answer(SYNTAX)

    # -- that need a caller

    def up(self, _words: Sequence[str], answer: Answer) -> None:
        """ANSWER; the channel is up already."""
        answer("200 result=0")

    def hang_up(self, _words: Sequence[str], answer: Answer) -> None:
        """HANGUP."""
        answer("200 result=1")
        self._channel.hang_up("server")

    def status(self, _words: Sequence[str], answer: Answer) -> None:
        """CHANNEL STATUS."""
        answer("200 result=6")

    def stream(self, words: Sequence[str], answer: Answer) -> None:
        """STREAM FILE, GET OPTION and CONTROL STREAM FILE, as far as a sound goes."""
        path, keys, offset = words[0], words[1] if len(words) > 1 else "", int(words[2]) if len(words) > 2 else 0
        seconds = self._sounds(path)
        if seconds is None:
            answer("200 result=-1 endpos=0")
            return

        def over(how: str, key: str, passed: float) -> None:
            result = ord(key) if how == KEY else -1 if how == GONE else 0
            answer(f"200 result={result} endpos={offset + round(8000 * passed)}")

        self._play(path, max(0.0, seconds - offset / 8000), keys, over)

    def _play(self, path: str, seconds: float, keys: str, over: Callable[[str, str, float], None]) -> None:
        name = name_of(path)
        self._channel.on_event(Happened("playing", path, name))
        self._channel.listen(seconds, keys, over, name)

    def digit(self, words: Sequence[str], answer: Answer) -> None:
        """WAIT FOR DIGIT."""
        self._channel.listen(int(words[0]) / 1000, ALL_KEYS, lambda how, key, _s: answer(f"200 result={_result(how, key)}"))

    def data(self, words: Sequence[str], answer: Answer) -> None:
        """GET DATA."""
        path, wait_s, most = words[0], int(words[1]) / 1000, int(words[2]) if len(words) > 2 else 1024
        seconds, keyed = self._sounds(path), ""

        def over(how: str, key: str, _passed: float) -> None:
            nonlocal keyed
            if how == GONE:
                answer("200 result=-1")
            elif key == "#" or len(keyed + key) >= most:
                answer(f"200 result={keyed}{key.replace('#', '')}")
            elif how == KEY or not asked:
                asked.append(True)
                keyed += key
                self._channel.listen(wait_s, ALL_KEYS, over)
            else:
                answer(f"200 result={keyed} (timeout)")

        asked: list[bool] = []
        if seconds is None:
            answer("200 result=-1")
        else:
            self._play(path, seconds, ALL_KEYS, over)

    def record(self, words: Sequence[str], answer: Answer) -> None:
        """RECORD FILE: the caller speaks for a while, then keys, falls silent, or hangs up."""
        path, keys, limit_s = words[0], words[2], int(words[3]) / 1000
        silence_s = next((float(word[2:]) for word in words[4:] if word.startswith("s=")), 0.0)
        channel = self._channel
        channel.on_event(Happened("recording", path))
        speaks_s, by = channel.speaks_s, channel.ends_by
        silent_s = speaks_s + silence_s if by == "" and silence_s else limit_s
        lasts_s = min(limit_s, silent_s if by == "" else speaks_s)

        def over(how: str, key: str, passed: float) -> None:
            if how not in (KEY, GONE) and by and lasts_s < limit_s:
                how, key = (GONE, "") if by == "x" else (KEY, by)
            if self._writes:
                write_silence(path, passed)
            result = {KEY: f"{ord(key or '0')} (dtmf)", GONE: "-1 (hangup)"}.get(how, "0 (timeout)")
            if how == GONE:
                channel.hang_up()
            answer(f"200 result={result} endpos={round(8000 * passed)}")

        channel.listen(lasts_s, keys, over)

    def wait(self, _words: Sequence[str], answer: Answer) -> None:
        """EXEC of an application that only takes its time, and SAY …: nothing is heard here."""
        answer("200 result=0")

    # -- that need none

    def set_variable(self, words: Sequence[str], answer: Answer) -> None:
        """SET VARIABLE."""
        self._channel.variables[words[0]] = words[1]
        answer("200 result=1")

    def get_variable(self, words: Sequence[str], answer: Answer) -> None:
        """GET VARIABLE."""
        value = self._variable(words[0])
        answer(f"200 result=1 ({value})" if value is not None else "200 result=0")

    def get_full_variable(self, words: Sequence[str], answer: Answer) -> None:
        """GET FULL VARIABLE, as far as plain variables go."""
        text = _NUMBER.sub(lambda match: self._variable(match.group(0)[2:-1]) or "", words[0])
        answer(f"200 result=1 ({text})" if text else "200 result=0")

    def _variable(self, name: str) -> str | None:
        return self._channel.number if name == "CALLERID(num)" else self._channel.variables.get(name) or None

    def note(self, _words: Sequence[str], answer: Answer) -> None:
        """VERBOSE, SET CALLERID."""
        answer("200 result=1")

    def noop(self, _words: Sequence[str], answer: Answer) -> None:
        """NOOP and what does nothing here."""
        answer("200 result=0")

    def database_get(self, words: Sequence[str], answer: Answer) -> None:
        """DATABASE GET."""
        value = self._database.get((words[0], words[1]))
        answer("200 result=0" if value is None else f"200 result=1 ({value})")

    def database_put(self, words: Sequence[str], answer: Answer) -> None:
        """DATABASE PUT."""
        self._database[words[0], words[1]] = words[2]
        answer("200 result=1")

    def database_del(self, words: Sequence[str], answer: Answer) -> None:
        """DATABASE DEL."""
        found = self._database.pop((words[0], words[1]), None)
        answer(f"200 result={int(found is not None)}")

    def execute(self, words: Sequence[str], answer: Answer) -> None:
        """EXEC; NoOp works on a dead channel too."""
        application = words[0].lower()
        if application not in ("noop", "wait", "playback", "startmixmonitor", "mixmonitor", "set", "senddtmf"):
            answer("200 result=-2")
        elif self._channel.hung_up and application != "noop":
            answer(DEAD)
        else:
            if application == "senddtmf":
                self._channel.on_event(Happened("sent", words[1].split(",")[0]))
            answer("200 result=0")


def _result(how: str, key: str) -> int:
    return -1 if how == GONE else ord(key) if key else 0


COMMANDS: dict[str, tuple[bool, Callable[[Commands, Sequence[str], Answer], None]]] = {
    "ANSWER": (True, Commands.up),
    "HANGUP": (True, Commands.hang_up),
    "CHANNEL STATUS": (True, Commands.status),
    "STREAM FILE": (True, Commands.stream),
    "GET OPTION": (True, Commands.stream),
    "CONTROL STREAM FILE": (True, Commands.stream),
    "WAIT FOR DIGIT": (True, Commands.digit),
    "GET DATA": (True, Commands.data),
    "RECORD FILE": (True, Commands.record),
    "SAY DIGITS": (True, Commands.wait),
    "SAY NUMBER": (True, Commands.wait),
    "SAY ALPHA": (True, Commands.wait),
    "SET MUSIC": (True, Commands.wait),
    "EXEC": (False, Commands.execute),
    "SET VARIABLE": (False, Commands.set_variable),
    "GET VARIABLE": (False, Commands.get_variable),
    "GET FULL VARIABLE": (False, Commands.get_full_variable),
    "SET CALLERID": (False, Commands.note),
    "VERBOSE": (False, Commands.note),
    "NOOP": (False, Commands.noop),
    "SET CONTEXT": (False, Commands.noop),
    "SET EXTENSION": (False, Commands.noop),
    "SET PRIORITY": (False, Commands.noop),
    "SET AUTOHANGUP": (False, Commands.noop),
    "DATABASE GET": (False, Commands.database_get),
    "DATABASE PUT": (False, Commands.database_put),
    "DATABASE DEL": (False, Commands.database_del),
}
"""By name: whether a caller is needed, and what is done."""
