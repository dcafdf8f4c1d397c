"""Which texts of a bind the SMSC may not know to be acknowledged, so that their repetition is recognised.

A text may come again when its `deliver_sm_resp` was lost with the link or with us. So each bind's row holds the
arrivals whose acknowledgement is not known to have reached the SMSC, stored in the same commit as what the
texts did. An SMSC that has answered anything sent after an acknowledgement has that acknowledgement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from hotline.domain.commands import Arrival
from hotline.storage.store import LinkRow

Unconfirmed = dict[int, int]
"""Arrival number on a link to the text's fingerprint."""

_decode = msgspec.json.Decoder(dict[int, int]).decode
_encode = msgspec.json.Encoder().encode


class Links:
    """The unconfirmed arrivals of all binds that matter, in the writer's thread.

    Changes are staged while a batch is decided, and hold once it is committed.
    """

    def __init__(self) -> None:
        """Begin with no link."""
        self._kept: dict[str, Unconfirmed] = {}
        self._staged: dict[str, Unconfirmed] = {}
        self._smsc: dict[str, str] = {}
        self._doubtful: dict[str, set[int]] = {}
        self._ended: set[str] = set()

    def load(self, link: str, smsc: str, body: str = "{}") -> Unconfirmed:
        """Take in a link of an SMSC with its stored arrivals; returns them."""
        arrivals = self._kept[link] = _decode(body)
        self._smsc[link] = smsc
        return arrivals

    def reload(self, rows: Iterable[LinkRow]) -> None:
        """Take in all stored rows again, as after a commit of which is not known whether it was kept."""
        for link, smsc, _used_at, body in rows:
            before = self._kept.get(link)
            arrivals = self.load(link, smsc, body)
            if before is not None and arrivals.keys() - before.keys():
                self._doubtful.setdefault(link, set()).update(arrivals.keys() - before.keys())

    def known(self, arrival: Arrival) -> bool:
        """Whether this arrival has been stored before."""
        staged = self._staged.get(arrival.link)
        return arrival.number in (self._kept.get(arrival.link, {}) if staged is None else staged)

    def _stage(self, link: str) -> Unconfirmed:
        staged = self._staged.get(link)
        if staged is None:
            staged = self._staged[link] = dict(self._kept.get(link, {}))
        return staged

    def arrived(self, arrival: Arrival) -> None:
        """Stage an arrival."""
        self._stage(arrival.link)[arrival.number] = arrival.fingerprint

    def moved(self, old: Arrival, new: Arrival) -> None:
        """Stage that an old arrival was repeated as a new one, on the same link or another."""
        self._stage(old.link).pop(old.number, None)
        self.arrived(new)

    def confirmed(self, link: str, upto: int) -> None:
        """Stage that the SMSC has our answers up to arrival `upto`.

        Arrivals that were refused and turned out to be stored all the same stay known: the SMSC sends them again.
        """
        staged, doubtful = self._stage(link), self._doubtful.get(link, ())
        self._staged[link] = {
            number: fingerprint for number, fingerprint in staged.items() if number > upto or number in doubtful
        }

    def forgotten(self, arrival: Arrival) -> None:
        """Stage that the SMSC will not repeat an arrival, perhaps of a link that ended."""
        if arrival.number in self._kept.get(arrival.link, {}):
            self._stage(arrival.link).pop(arrival.number, None)

    def rows(self, at: int) -> list[LinkRow]:
        """What the staged changes write at time `at`, in microseconds."""
        smsc = self._smsc
        return [(link, smsc.get(link, ""), at, _encode(kept).decode()) for link, kept in self._staged.items()]

    def commit(self) -> None:
        """The staged changes hold."""
        self._kept.update(self._staged)
        self._staged = {}

    def rollback(self) -> None:
        """The staged changes are forgotten."""
        self._staged = {}

    def ended(self, link: str) -> None:
        """This link has ended; what came over it may still be repeated."""
        self._ended.add(link)

    def keep(self, smsc: str, links: Collection[str]) -> None:
        """Forget the ended links of an SMSC that are not among `links`."""
        self.forget([link for link in self._ended if self._smsc.get(link) in (smsc, None) and link not in links])

    def forget(self, links: Iterable[str]) -> None:
        """Links that ended long ago no longer matter."""
        for link in links:
            self._kept.pop(link, None)
            self._smsc.pop(link, None)
            self._ended.discard(link)
            self._doubtful.pop(link, None)
