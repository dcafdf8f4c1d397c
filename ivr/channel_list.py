"""Which channels Asterisk has: asked after a lost link, and now and then while calls that we placed live.

Theory of operation: whoever places calls gives each channel an id made from its row of the outbox. An event that was missed, or a
process that ended in mid-call, leaves open whether such a channel lives; the list tells. One that was asked for only just now may
be missing from it, so the list is asked again soon where that matters.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ivr.ami import AmiClient
from ivr.ami_link import Clock
from ivr.ami_wire import AmiError, Message

log = logging.getLogger(__name__)

APPEAR_S = 5.0
"""How long Asterisk may take to make a channel that it was told to make, in seconds."""
LIST_S = 60.0
"""How often Asterisk is asked for its channels while calls of ours live, in seconds."""
Compare = Callable[[Mapping[str, Message], float], bool]


class ChannelList:
    """The list of one who places calls.

    Attributes:
        known: whether the list has been compared since the link came up, so that nothing living is dialled twice.
    """

    def __init__(self, client: AmiClient, clock: Clock, compare: Compare, then: Callable[[], None]) -> None:
        """Wire it.

        Args:
            compare: takes the channels by Uniqueid and when they were asked for, in the clock's seconds; returns whether it is
                worth asking again soon, because a channel may be too young to be listed.
            then: called after each question, answered or not.
        """
        self.known = False
        self._client, self._clock, self._compare, self._then = client, clock, compare, then
        self._asking = False
        self._asked_at = 0.0
        client.on_down.append(self.lost)

    def lost(self, _reason: str = "") -> None:
        """What was known is known no longer."""
        self.known = False

    def look(self, live: bool) -> None:
        """Ask when it is time; `live`: whether there are calls of ours."""
        if self._client.up and (not self.known or (live and self._clock.seconds() - self._asked_at >= LIST_S)):
            self.ask()

    def ask(self) -> None:
        """Ask now, unless a question is under way."""
        if not self._asking:
            self._asking = True
            asked_at, link = self._clock.seconds(), self._client.links
            listing: Deferred[Any] = self._client.listed({"Action": "CoreShowChannels"})
            listing.addCallback(self._listed, asked_at, link).addErrback(self._unlisted).addBoth(self._asked)

    def _asked(self, _none: object) -> None:
        self._asking = False
        self._then()

    def _unlisted(self, failure: Any) -> None:
        failure.trap(AmiError)
        self.known = False
        log.warning("Asterisk does not say which calls there are: %s", failure.value)

    def _listed(self, channels: Sequence[Message], asked_at: float, link: int) -> None:
        young = self._compare({each.get("Uniqueid"): each for each in channels}, asked_at)
        if self._client.up and link == self._client.links:
            self.known, self._asked_at = True, asked_at - (LIST_S - APPEAR_S if young else 0)


def row_of(message: Message, prefix: str, names: tuple[str, ...] = ("Uniqueid", "Linkedid", "ActionID")) -> int | None:
    """The row whose call an event is about, by an id that begins with `prefix` in one of its headers; None: of no such call."""
    for name in names:
        words = message.get(name).removesuffix(";2")
        if words.startswith(prefix) and words[len(prefix) :].isdecimal():
            return int(words[len(prefix) :])
    return None
