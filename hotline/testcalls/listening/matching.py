"""Where in a recording a template is, and how surely.

Theory of operation. Each piece of a template is laid over every place of the recording, in one multiplication of matrices. Then
the best chain of places is sought, piece by piece: a piece comes where the one before it says, or up to DRIFT_MIN frames sooner,
for Asterisk writes down the packets that came, one after the other, so that each lost one makes what follows come 20 ms too soon;
later by up to DRIFT_MAX frames, as a jitter buffer that fills up makes it. Drift costs a little, so that none is made up of
nothing. Pieces that lie before the recording's start or behind its end are not heard and count neither way.

Three figures tell whether it is the prompt. `score` is the mean over the pieces that were heard, by weight: other words of the
same voice have 0.3, the same words by another voice 0.3 to 0.6, and greetings that share most of their words up to 0.9. So two
more count: `worst`, the least of the pieces that have weight, and `pair`, the least mean of two neighbours. Where one word is
another, these are below 0.5 and 0.57, while lost packets and noise at 20 dB leave 0.58 and 0.63 in 99 of 100 calls, and 0.36 and
0.49 where time is missing from the recording. `SURE` holds against the sum of the three: with another word it was 1.92 at most,
with the right ones 2.07 and more in 99 of 100 calls, or 1.71 where time is missing.

Prompts compete by their evidence: how many pieces of one they explain, and how well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hotline.testcalls.listening.fingerprint import (
    BANDS,
    HOP_MS,
    PIECE,
    PIECES_MIN,
    STEP,
    Floats,
    Ints,
    Template,
    TemplateSet,
    product,
)

SURE, SURE_OF_PART = 1.93, 2.05
"""From this on of the three together it is the prompt; the second where a part was not heard, which could tell it apart."""
CUT_MS = 1100.0
"""What a recording that began late may lack of a prompt's start."""
HEARD_MS = 2700.0
"""When a recording ends within a prompt, or begins in it, this much of it suffices, or half of a shorter one."""
DRIFT_MIN, DRIFT_MAX = -4, 2
"""Frames between one piece and the next: three lost packets in 192 ms, or one and a half put in."""
_DRIFT_COST = 0.04
"""Evidence that a frame of drift costs, of a usual piece's weight; by the square of the drift, for losses come one by one."""
_EDGE = 4
"""Frames, half a window: so near to its ends a recording is half of what is not there."""
_WEIGHTY = 0.5
"""Pieces of less than this part of the usual weight are mostly pause and say nothing alone."""
_PAIR_WEIGHTY = 0.8
"""The same for the two pieces of a pair together, in usual weights."""
_SKETCH, _SKETCHED = 0.5, 0.3
"""A template is looked for in earnest when this part of its pieces, and two at least, agrees so much at about one place."""
_ABOUT = 20
"""Frames by which such places may differ: what 5 s lose with every twentieth packet."""
_OUTLIERS_EACH = 24
"""Of so many pieces one may agree as little as it likes: a long prompt has more chances of bad luck."""
_GOOD = 0.7
"""Pieces that agree so well tell where the prompt is."""
_EARLY = 5
"""Good pieces, the first second or so, whose places together say when the prompt began."""


@dataclass(frozen=True, slots=True)
class Match:
    """The best place of a template in a recording.

    Attributes:
        score: mean agreement of the pieces heard, -1 to 1.
        worst: agreement of the one that agrees least.
        pair: mean agreement of the two neighbours that agree least.
        evidence: pieces that were heard, each by how well it agrees.
        heard: part of the template's weight that the recording covers, 0 to 1.
        pieces: how many were heard.
        whole: whether all were.
        file_ms: when the prompt's file began to play, from the recording's start; negative if before.
        begin_ms, end_ms: of what was heard of it.
        enough: whether so much was heard that it can be told.
    """

    score: float
    worst: float
    pair: float
    evidence: float
    heard: float
    pieces: int
    whole: bool
    file_ms: float
    begin_ms: float
    end_ms: float
    enough: bool

    @property
    def sure(self) -> bool:
        """Whether it is the prompt, if no other one fits as well."""
        return self.enough and self.total >= (SURE if self.whole else SURE_OF_PART)

    @property
    def total(self) -> float:
        """What SURE is held against."""
        return self.score + self.worst + self.pair


def places(heard: Floats) -> Floats:
    """A recording's signs laid out: for each place the PIECE frames from there in one row."""
    if len(heard) < PIECE:
        heard = np.pad(heard, ((0, PIECE - len(heard)), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(heard, (PIECE, BANDS - 1))[:, 0]
    return view.reshape(len(view), -1)


def likely(laid: Floats, known: TemplateSet) -> list[str]:
    """Names of the templates that are worth a look, by a coarse comparison with all of them."""
    coarse = laid[::2]
    agreement = product(coarse, known.sketch.T)
    places_found = agreement.argmax(axis=0)
    agrees = np.take_along_axis(agreement, places_found[None], axis=0)[0] >= _SKETCH
    start = 2 * places_found - known.sketch_at
    return [name for name, rows in known.rows.items() if _worth_a_look(start[rows], agrees[rows])]


def _worth_a_look(start: Ints, agrees: NDArray[np.bool_]) -> bool:
    starts = np.sort(start[agrees])
    together = np.searchsorted(starts, starts + _ABOUT, side="right") - np.arange(len(starts))
    # Of a long prompt only the beginning may have been heard.
    return len(starts) > 0 and int(together.max()) >= max(2, min(4, _SKETCHED * len(start)))


def find(laid: Floats, template: Template) -> Match:
    """The best place of a template; `laid` comes from `places`."""
    aligned, covered = _aligned(product(laid, template.signs.T).T, template)
    path = _chain(aligned * template.weight[:, None], covered, float(np.median(template.weight)))
    return _match(_mended(aligned, covered, path, laid, template), covered, path, template)


_LEAD = int(CUT_MS / HOP_MS)


def _aligned(agreement: Floats, template: Template) -> tuple[Floats, NDArray[np.bool_]]:
    """Agreement and whether it was heard, pieces by where the *first* piece would be, from _LEAD frames before the start on."""
    count, length = agreement.shape
    width = _LEAD + length
    aligned, covered = np.zeros((count, width), np.float32), np.zeros((count, width), bool)
    for row, at in enumerate(template.at.tolist()):
        offset = at - _LEAD
        start = max(0, (_EDGE if row else 0) - offset)
        end = min(width, length - offset - (_EDGE if row < count - 1 else 0))
        if end > start:
            aligned[row, start:end] = agreement[row, start + offset : end + offset]
            covered[row, start:end] = True
    return aligned, covered


def _chain(evidence: Floats, covered: NDArray[np.bool_], usual: float) -> Ints:
    """The chain with the most evidence: where each piece says that the first one is."""
    count, width = evidence.shape
    drifts = np.arange(DRIFT_MAX, DRIFT_MIN - 1, -1)
    # Column q of these holds, for each drift, what belongs to the piece before at q - drift.
    before = np.lib.stride_tricks.sliding_window_view(np.pad(covered, ((0, 0), (DRIFT_MAX, -DRIFT_MIN))), len(drifts), axis=1)
    # Between pieces that were not heard there is nothing to tell drift by.
    allowed = (covered[1:, :, None] & before[:-1]) | (drifts == 0)
    price = np.where(allowed, (-_DRIFT_COST * usual * drifts**2).astype(np.float32), np.float32(-1e9))
    padded = np.full(width + DRIFT_MAX - DRIFT_MIN, -1e9, np.float32)
    total, came, columns = evidence[0], np.zeros((count, width), np.int64), np.arange(width)
    for row in range(1, count):
        padded[DRIFT_MAX : DRIFT_MAX + width] = total
        choices = np.lib.stride_tricks.sliding_window_view(padded, len(drifts)) + price[row - 1]
        came[row] = choices.argmax(axis=1)
        total = choices[columns, came[row]] + evidence[row]
    path = np.zeros(count, np.int64)
    path[-1] = int(total.argmax())
    for row in range(count - 1, 0, -1):
        path[row - 1] = path[row] - drifts[came[row, path[row]]]
    return path


def _mended(aligned: Floats, covered: NDArray[np.bool_], path: Ints, laid: Floats, template: Template) -> Floats:
    """Agreement along the path; a piece within which the path drifts is compared as two halves, each in its best place.

    A lost packet falls into the middle of a piece more often than between two.
    """
    rows = np.arange(len(path))
    found, half = aligned[rows, path].copy(), PIECE // 2 * (BANDS - 1)
    ends = np.concatenate([path[:1], path, path[-1:]])
    for row in np.flatnonzero(covered[rows, path] & ((ends[:-2] != path) | (ends[2:] != path))).tolist():
        signs, base = template.signs[row], int(template.at[row]) - _LEAD
        parts = 0.0
        for side, other in ((slice(0, half), ends[row]), (slice(half, None), ends[row + 2])):
            low, high = sorted((int(path[row]) + base, int(other) + base))
            parts += float((laid[max(0, low) : high + 1, side] @ signs[side]).max())
        found[row] = max(found[row], parts)
    return found


def _match(found: Floats, covered: NDArray[np.bool_], path: Ints, template: Template) -> Match:
    rows = np.arange(len(path))
    there = covered[rows, path]
    if not there.any():
        return Match(0.0, 0.0, 0.0, 0.0, 0.0, 0, False, 0.0, 0.0, 0.0, enough=False)
    weight = np.where(there, template.weight, 0)
    usual = np.median(template.weight)
    weighty = there & (template.weight > _WEIGHTY * usual)
    good = path[weighty & (found >= _GOOD)]
    first, last = int(there.argmax()), len(there) - 1 - int(there[::-1].argmax())
    early = good[:_EARLY] if len(good) else path[first : first + 1]
    begin = (path - _LEAD + template.at) * HOP_MS
    pieces = int(there.sum())
    return Match(
        score=float((found * weight).sum() / (weight.sum() + 1e-9)),
        worst=_least(found[weighty], len(path)),
        pair=_pair(found, np.minimum(weight / usual, 1), len(path)),
        evidence=float((found * np.minimum(weight / usual, 1)).sum()),
        heard=float(weight.sum() / template.weight.sum()),
        pieces=pieces,
        whole=pieces == len(path),
        file_ms=float((np.median(early) - _LEAD) * HOP_MS - template.first_ms),
        begin_ms=float(begin[first]),
        end_ms=float(begin[last] + PIECE * HOP_MS),
        enough=pieces >= _pieces_needed(len(path)),
    )


def _least(found: Floats, count: int) -> float:
    return float(np.sort(found)[min(count // _OUTLIERS_EACH, len(found) - 1)]) if len(found) else 0.0


def _pair(found: Floats, weight: Floats, count: int) -> float:
    both = weight[1:] + weight[:-1]
    means = (found[1:] * weight[1:] + found[:-1] * weight[:-1]) / (both + 1e-9)
    return _least(means[(both > _PAIR_WEIGHTY) & (weight[1:] > 0) & (weight[:-1] > 0)], count)


def _pieces_needed(count: int) -> int:
    return max(PIECES_MIN, min((count + 1) // 2, round((HEARD_MS / HOP_MS - PIECE) / STEP) + 1))
