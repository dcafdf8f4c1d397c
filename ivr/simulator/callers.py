"""What scripted callers do: keys at prompts, silence, hanging up, written in one line.

    main:1 service:1 cancel_confirm:1      each at its prompt
    1 1 1                                  as soon as the next sound or wait takes keys
    - - 3                                  lets two of them pass
    number_ask:13800000001#                several keys at once
    main:x                                 hangs up at the prompt

Steps are taken in order; what comes between them is heard in silence.
"""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

from ivr.simulator.channel import Channel

_STEP = re.compile(r"(?:([a-z_0-9]+):)?([0-9*#A-D]+|x|-)\Z")


class Step(NamedTuple):
    """One step: `at` the prompt of that name, "" at any; `does` is keys, "x" or "-"."""

    at: str
    does: str


def read_script(text: str) -> tuple[Step, ...]:
    """Read a script. Raises ValueError that names the step which is none."""
    steps = []
    for word in text.split():
        match = _STEP.match(word)
        if match is None:
            raise ValueError(f"script: {word!r} is no step; write KEYS, PROMPT:KEYS, x to hang up, - to let one pass")
        steps.append(Step(match.group(1) or "", match.group(2)))
    return tuple(steps)


class Caller:
    """Does what a script says on a channel; `delay_s` is how long he thinks at each step."""

    def __init__(self, channel: Channel, steps: tuple[Step, ...], delay_s: float = 0.0) -> None:
        """Listen to the channel."""
        self._channel, self._left, self._delay_s = channel, deque(steps), delay_s
        self._thinking = False
        channel.on_listen = self._listens

    @property
    def left(self) -> int:
        """Steps still to be taken."""
        return len(self._left)

    def _listens(self, name: str) -> None:
        if not self._left or self._thinking:
            return
        step = self._left[0]
        if step.at and step.at != name:
            return
        self._left.popleft()
        if self._delay_s * self._channel.pace > 0:
            self._thinking = True
            self._channel.later(self._delay_s, self._act, step)
        else:
            self._act(step)

    def _act(self, step: Step) -> None:
        self._thinking = False
        if step.does == "x":
            self._channel.hang_up()
        elif step.does != "-":
            self._channel.press(step.does)
