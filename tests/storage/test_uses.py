"""Uses on both databases: one that is reported twice is charged once, after a restart too, and the tables are sound."""

from __future__ import annotations

from hotline.domain import commands as cmd
from hotline.domain.errors import NotPaidByUse
from tests.storage.driver import ANN, BEN, Driven, sound, text


def use(key: str, stream: str = ANN) -> cmd.NoteUse:
    return cmd.NoteUse(stream=stream, id=key, code="30", channel="api", by="wap")


def test_a_use_reported_twice_is_charged_once(url, sql):
    with Driven(url) as driven:
        driven.together(text(ANN, "DZ 30"), text(ANN, "Y"))
        [(row, _, _)] = driven.orders
        driven.run(cmd.NoteBilled(stream=ANN, order=row, accepted=True))
        first, again, other = driven.together(use("api:wap:1"), use("api:wap:1"), use("api:wap:2"))
        assert [first.repeated, again.repeated, other.repeated] == [False, True, False]
        assert isinstance(driven.run(use("api:wap:3", BEN)).error, NotPaidByUse)
    with Driven(url) as driven:
        assert driven.run(use("api:wap:1")).repeated
    charges = sql("SELECT id FROM event WHERE kind = 'BillingQueued' AND body LIKE '%\"charge\"%'")
    assert len(charges) == 2
    assert sorted(charges) == sorted(sql("SELECT id FROM outbox WHERE channel = 'billing'"))
    sound(url)
