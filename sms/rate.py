"""A rate that is never exceeded in any period, and used up to its full."""

from __future__ import annotations

from collections import deque


class Rate:
    """Texts in a second, at most: `max(1, rate)` whole texts in each period that holds as many, spread over it.

    Within a period a bucket of a tenth of a second's worth spreads them, so that an SMSC that counts by shorter periods
    is content; it holds at least two, so that what a late timer misses is made up for.
    """

    __slots__ = ("_bucket", "_filled_at", "_full", "_newest", "_per_s", "_period_s")

    def __init__(self, per_s: float) -> None:
        """Begin with nothing used; `per_s` above 0."""
        count = max(1, int(per_s))
        self._per_s, self._period_s = per_s, count / per_s
        self._newest: deque[float] = deque(maxlen=count)
        self._full = max(2.0, per_s / 10)
        self._bucket = 1.0
        self._filled_at = 0.0

    def allowed(self, now: float) -> int:
        """How many may be sent at `now`, in seconds of a clock that never goes back."""
        self._bucket = min(self._full, self._bucket + (now - self._filled_at) * self._per_s)
        self._filled_at = now
        newest = self._newest
        while newest and newest[0] <= now - self._period_s + 1e-9:
            newest.popleft()
        return min(int(self._bucket + 1e-9), (newest.maxlen or 0) - len(newest))

    def used(self, count: int, now: float) -> None:
        """So many were sent at `now`."""
        self._bucket -= count
        self._newest.extend([now] * count)

    def wait_s(self, now: float) -> float:
        """Seconds from `now` until one more may be sent; 0 when it may be sent now."""
        wait = max(0.0, (1.0 - self._bucket) / self._per_s)
        if len(self._newest) == self._newest.maxlen:
            wait = max(wait, self._newest[0] + self._period_s - now)
        return wait
