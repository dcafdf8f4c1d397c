"""The record: damage is found and named, states are made again, and old words go without a trace of damage."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import msgspec
import pytest

from hotline.clock import fire
from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.commands import Arrival
from hotline.storage.codec import body_digest, decode_event, encode_event, erased, is_erased
from hotline.storage.opening import reading_engine
from hotline.storage.queries.subscriber import subscriber
from hotline.storage.queries.timeline import timeline
from hotline.storage.queries.wakes import due_wakes
from hotline.storage.rebuild import Difference, rebuild
from hotline.storage.redaction import ERASABLE, kept_fields, redacted
from hotline.storage.retention import erase
from hotline.storage.verify import verify
from tests.storage.driver import ANN, BEN, COY, DESK, START, Driven, sound, text

PLAIN = [ANN, BEN, COY, "8613800000004", "8613800000005"]
ACCEPTED = {"smsc": "sim", "receipt": True}


@pytest.fixture
def full(url):
    """A database in which everything has happened that the outbox, wakes and states know of."""
    with Driven(url) as driven:
        for words in ("DZ 10", "Y", "DZ 11", "N", "TS it is too dear", "hello", "DZ 20"):
            driven.together(*(text(stream, words) for stream in PLAIN))
            driven.pass_(minutes=1)
        for row, stream, _ in driven.orders[:3]:
            driven.run(cmd.NoteBilled(stream=stream, order=row, accepted=stream != BEN, reason="no_credit"))
        row, stream, _ = driven.orders[3]
        driven.run(cmd.NoteUnbookable(stream=stream, order=row, reason="unknown operator"))
        ours = [row for row, stream, _ in driven.texts if stream == ANN]
        driven.run(cmd.NoteReceipt(stream=ANN, smsc="sim", message_id="m9", state="DELIVRD"))
        for row in ours[:3]:
            driven.run(cmd.NoteAccepted(stream=ANN, mt=row, parts={1: f"m{row}"}, done=True, **ACCEPTED))
        driven.run(cmd.NoteReceipt(stream=ANN, smsc="sim", message_id=f"m{ours[0]}", state="DELIVRD"))
        for row in ours[3:6]:
            driven.run(cmd.NoteUnsendable(stream=ANN, mt=row, reason="no such number"))
        driven.run(cmd.RetryDeadLetter(stream=ANN, row=ours[3], by="amy", id="r"))
        driven.run(cmd.SettleDeadLetter(stream=ANN, row=ours[4], by="amy", note="rang him", id="s"))
        for number, key in enumerate(("whole", "late", "open")):
            kept = cmd.KeepSegment(stream=COY, key=key, part=1, total=2, payload=b"words", data_coding=0)
            driven.run(msgspec.structs.replace(kept, arrival=Arrival("l1", number, 1)))
        driven.run(msgspec.structs.replace(text(COY, "hello"), segments="whole"))
        with reading_engine(url).begin() as connection:
            wakes = due_wakes(connection, START + timedelta(days=365), 1000)
        [late] = [wake for wake in wakes if getattr(wake.event, "subject", "") == "late"]
        driven.run(fire((late.id, late.due, late.stream, late.event)))
        driven.run(text("alpha:BANK", "0000"))
    return url


def test_the_record_is_whole(full):
    seen = []
    assert verify(full, progress=seen.append) == []
    report = rebuild(full, DESK.rules, progress=seen.append)
    assert (report.streams, report.found, report.differences) == (6, 0, [])
    assert seen == [report.events, report.events]


def test_an_empty_record_is_whole(url):
    assert verify(url) == []
    assert rebuild(url, DESK.rules).streams == 0


def changed_byte(body: str, place: int) -> str:
    return body[:place] + chr(ord(body[place]) ^ 1) + body[place + 1 :]


@pytest.mark.parametrize("seed", range(12))
def test_one_changed_byte_in_an_old_event_is_named(full, sql, seed):
    pick = random.Random(seed)
    rows = sql("SELECT * FROM event ORDER BY id")
    row = rows[0] if seed == 0 else rows[-1] if seed == 1 else pick.choice(rows)
    places = [index for index, letter in enumerate(row.body) if letter.isascii()]
    sql("UPDATE event SET body = :body WHERE id = :id", body=changed_byte(row.body, pick.choice(places)), id=row.id)
    [problem] = verify(full)
    assert (problem.event, problem.kind) == (row.id, row.kind)
    assert problem.what in ("content", "unreadable")
    assert row.stream not in problem.words
    assert str(row.id) in problem.words


@pytest.mark.parametrize("column", ["stream", "at", "kind", "cause"])
def test_every_column_counts(full, sql, column):
    values = {"stream": "8613900000009", "at": 1, "kind": "HelpGiven", "cause": "nobody"}
    row = sql("SELECT * FROM event WHERE kind = 'AskedBack' OR kind = 'MtQueued' ORDER BY id")[4]
    sql(f"UPDATE event SET {column} = :value WHERE id = :id", value=values[column], id=row.id)
    [problem] = verify(full)
    assert (problem.event, problem.what) == (row.id, "content")


@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_changed_hash_is_told_from_a_changed_event(full, sql, place):
    partition = sql("SELECT partition FROM chain ORDER BY seq DESC, partition")[0].partition
    stride = sql("SELECT count(*) FROM chain")[0][0]
    rows = [row for row in sql("SELECT id, hash FROM event ORDER BY id") if row.id % stride == partition]
    row = rows[min(place, len(rows) // 2)]
    sql("UPDATE event SET hash = :hash WHERE id = :id", hash=bytes(32), id=row.id)
    [problem] = verify(full)
    assert (problem.event, problem.what) == (row.id, "hash")


def test_missing_events_are_named(full, sql):
    stride = sql("SELECT count(*) FROM chain")[0][0]
    partition = sql("SELECT partition FROM chain ORDER BY seq DESC, partition")[0].partition
    ids = [row.id for row in sql("SELECT id FROM event ORDER BY id") if row.id % stride == partition]
    for row in ids[3:5]:
        sql("DELETE FROM event WHERE id = :id", id=row)
    [gap] = verify(full)
    assert (gap.event, gap.what) == (ids[5], "gap")
    assert "2 events are missing" in gap.words
    sql("DELETE FROM event WHERE id = :id", id=ids[-1])
    _, head = verify(full)
    assert (head.event, head.what) == (0, "head")
    assert str(ids[-2]) in head.words


def test_a_changed_head_is_named(full, sql):
    sql("UPDATE chain SET hash = :hash WHERE partition = 0", hash=bytes([1] * 32))
    [problem] = verify(full)
    assert (problem.what, "another hash" in problem.words) == ("head", True)


def test_two_damaged_events_are_both_named(full, sql):
    rows = sql("SELECT * FROM event WHERE kind = 'MtQueued' ORDER BY id")
    for row in rows[2:4]:
        sql("UPDATE event SET body = :body WHERE id = :id", body=row.body.replace("zh:", "en:"), id=row.id)
    assert [(problem.event, problem.what) for problem in verify(full)] == [(row.id, "content") for row in rows[2:4]]


def test_octets_that_are_no_text_are_named(sqlite_url):
    with Driven(sqlite_url) as driven:
        driven.together(*(text(ANN, "0000") for _ in range(5)))
    from tests.kit.databases import on

    on(sqlite_url)("UPDATE event SET body = CAST(x'7bff7d' AS TEXT) WHERE id = 3")
    on(sqlite_url)("UPDATE event SET body = CAST('{}' AS BLOB) WHERE id = 7")
    assert [(problem.event, problem.what) for problem in verify(sqlite_url)] == [(3, "unreadable"), (7, "unreadable")]


# -- rebuild


def test_rows_that_differ_are_found_and_replaced(full, sql):
    state = sql("SELECT body FROM state WHERE stream = :s", s=ANN)[0].body
    before = {table: sorted(map(tuple, sql(f"SELECT * FROM {table}"))) for table in ("state", "wake")}
    outbox = sorted(tuple(row)[:6] for row in sql("SELECT * FROM outbox"))
    sql("UPDATE state SET body = :body WHERE stream = :s", body=state.replace('"active"', '"cancelled"'), s=ANN)
    sql("UPDATE state SET body = '{' WHERE stream = :s", s=COY)
    sql("DELETE FROM state WHERE stream = :s", s=BEN)
    sql("INSERT INTO state (stream, body) VALUES ('8613911111111', '{}')")
    rows = [row.id for row in sql("SELECT id FROM outbox WHERE stream = :s ORDER BY id", s=BEN)]
    sql("DELETE FROM outbox WHERE id = :id", id=rows[0])
    sql("UPDATE outbox SET state = 'dead', reason = 'x' WHERE id = :id", id=rows[1])
    sql("INSERT INTO outbox SELECT 5, stream, channel, state, since, reason, owner FROM outbox WHERE id = :id", id=rows[2])
    wakes = sql("SELECT * FROM wake WHERE stream = :s ORDER BY id", s=BEN)
    sql("DELETE FROM wake WHERE id = :id", id=wakes[0].id)
    sql("UPDATE wake SET due = due + 1 WHERE id = :id", id=wakes[1].id)
    sql("INSERT INTO wake (due, id, stream) VALUES (1, 6, :s)", s=BEN)
    report = rebuild(full, DESK.rules)
    found = {(each.table, each.id, each.what, each.fields) for each in report.differences}
    assert found == {
        ("state", 0, "different", "subscriptions"),
        ("state", 0, "different", "unreadable"),
        ("state", 0, "missing", ""),
        ("state", 0, "superfluous", ""),
        ("outbox", rows[0], "missing", ""),
        ("outbox", rows[1], "different", "state, reason"),
        ("outbox", 5, "superfluous", ""),
        ("wake", wakes[0].id, "missing", ""),
        ("wake", wakes[1].id, "different", "due"),
        ("wake", 6, "superfluous", ""),
    }
    assert report.found == len(found)
    assert Difference("86139****1111", "state", 0, "superfluous") in report.differences
    assert verify(full) == []
    assert rebuild(full, DESK.rules, write=True).found == report.found
    sound(full)
    assert {table: sorted(map(tuple, sql(f"SELECT * FROM {table}"))) for table in before} == before
    assert sorted(tuple(row)[:6] for row in sql("SELECT * FROM outbox")) == outbox


def test_states_made_from_nothing(full, sql):
    states = sorted(map(tuple, sql("SELECT * FROM state")))
    for table in ("state", "outbox", "wake"):
        sql(f"DELETE FROM {table}")
    rebuild(full, DESK.rules, write=True)
    assert sorted(map(tuple, sql("SELECT * FROM state"))) == states
    sound(full)


def test_many_streams_in_groups(url, monkeypatch):
    monkeypatch.setattr("hotline.storage.rebuild.GROUP", 7)
    with Driven(url) as driven:
        driven.together(*(text(f"86{number:09d}", "DZ 10") for number in range(30)))
    seen = []
    report = rebuild(url, DESK.rules, progress=seen.append)
    assert (report.streams, report.events, report.found) == (30, 90, 0)
    assert seen == [21, 42, 63, 84, 90]


# -- retention


def test_old_words_are_erased(full, sql):
    cutoff = START + timedelta(days=30)
    words = sql("SELECT id FROM event WHERE kind = 'ConsentGiven'")
    outbox = {row.id for row in sql("SELECT id FROM outbox")}
    seen = []
    number = erase(full, cutoff, progress=seen.append)
    assert seen[-1] == number
    rows = sql("SELECT * FROM event ORDER BY id")
    gone = [row for row in rows if is_erased(row.body)]
    assert len(gone) == number
    assert {row.kind for row in gone} == {kind.__name__ for kind in ERASABLE}
    assert not outbox & {row.id for row in gone}, "what waits to be sent keeps its words"
    left = [row for row in rows if row.kind in ("TextReceived", "MtQueued", "SegmentKept") and not is_erased(row.body)]
    assert {row.id for row in left if row.kind != "SegmentKept"} <= outbox
    [waits] = [decode_event(row.kind, row.body) for row in left if row.kind == "SegmentKept"]
    assert (waits.key, waits.payload) == ("open", b"words"), "what waits for its other parts keeps its words"
    assert "hello" not in str([row.body for row in rows])
    assert all("dear" not in row.body for row in rows if row.kind == "TextReceived")
    sound(full)
    assert erase(full, cutoff) == 0, "repeating does nothing"
    with reading_engine(full).begin() as connection:
        assert len(words) == len(PLAIN)
        assert [each.words for each in subscriber(connection, ANN).consents][:2] == ["Y", "N"]
        entry = timeline(connection, ANN)[0]
    assert entry.body["text"] == ""
    assert len(entry.body["erased"]) == 64
    with Driven(full) as driven:
        assert driven.run(text(ANN, "TD 10")).error is None
    sound(full)


def test_only_old_words_are_erased(url, sql):
    with Driven(url) as driven:
        driven.run(text(ANN, "hello"))
        driven.pass_(days=1)
        driven.run(text(ANN, "hallo"))
    assert erase(url, START + timedelta(hours=1)) == 1
    texts = [json.loads(row.body)["text"] for row in sql("SELECT body FROM event WHERE kind = 'TextReceived' ORDER BY id")]
    assert texts == ["", "hallo"]
    sound(url)


def test_erasing_goes_page_by_page(url, sql, monkeypatch):
    monkeypatch.setattr("hotline.storage.retention.PAGE", 3)
    with Driven(url) as driven:
        driven.together(*(text(ANN, f"hello {number}") for number in range(10)))
    seen = []
    assert erase(url, START + timedelta(days=1), progress=seen.append) == 10
    assert seen == sorted(seen)
    sound(url)


def test_the_words_are_gone_from_the_file(sqlite_url, tmp_path):
    with Driven(sqlite_url) as driven:
        driven.together(*(text(ANN, f"secret-{number} " + "x" * 700) for number in range(20)))
    file = tmp_path / "shouwen.db"
    assert b"secret-" in file.read_bytes()
    erase(sqlite_url, START + timedelta(days=1))
    assert b"secret-" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())


def test_consents_cannot_be_forged_by_erasing(full, sql):
    row = sql("SELECT * FROM event WHERE kind = 'ConsentGiven' ORDER BY id")[0]
    dearer = msgspec.structs.replace(decode_event(row.kind, row.body), price_fen=9900)
    sql("UPDATE event SET body = :body WHERE id = :id", body=erased(row.body.encode(), dearer).decode(), id=row.id)
    [problem] = verify(full)
    assert (problem.event, problem.what) == (row.id, "forged")


def test_what_stays_of_an_erased_event_is_proven(full, sql):
    """Neither the digest of what was there nor an erasure lets other words or another meaning through."""
    forged = 0
    for row in sql("SELECT * FROM event WHERE kind IN ('TextReceived', 'MtQueued', 'SegmentKept') ORDER BY id")[::3]:
        event = decode_event(row.kind, row.body)
        field, value = {
            "TextReceived": ("meaning", m.Cancel("99")),
            "MtQueued": ("key", "charged"),
            "SegmentKept": ("total", 9),
        }[row.kind]
        other = redacted(msgspec.structs.replace(event, **{field: value}))
        wordy = msgspec.structs.replace(event, **({"payload": b"!"} if row.kind == "SegmentKept" else {"text": "I said yes"}))
        honest = erased(row.body.encode(), redacted(event)).decode()
        forgeries = [erased(row.body.encode(), each).decode() for each in (other, wordy)]
        for body in (*forgeries, honest[:-1] + ',"x":1}'):
            sql("UPDATE event SET body = :body WHERE id = :id", body=body, id=row.id)
            problems = verify(full)
            assert {problem.event for problem in problems} == {row.id}, body
            assert {problem.what for problem in problems} <= {"content", "forged"}
            forged += 1
        sql("UPDATE event SET body = :body WHERE id = :id", body=honest, id=row.id)
        assert verify(full) == []
        [problem] = verify(full, erased_before=START)
        assert (problem.event, problem.what) == (row.id, "forged"), "its words went before their time"
        sql("UPDATE event SET body = :body WHERE id = :id", body=row.body, id=row.id)
    assert forged > 9


def test_a_spoilt_digest_is_named(full, sql):
    erase(full, START + timedelta(days=30))
    row = next(row for row in sql("SELECT * FROM event ORDER BY id") if is_erased(row.body))
    for spoilt in (row.body.replace('{"erased":"', '{"erased":"0', 1), row.body.replace('{"erased":"', '{"erased":"zz', 1)):
        sql("UPDATE event SET body = :body WHERE id = :id", body=spoilt, id=row.id)
        problems = verify(full)
        assert {problem.event for problem in problems} == {row.id}
        assert problems[-1].what in ("content", "unreadable")


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (ev.TextReceived("hi", m.Complain("bad", "en"), "s", "n", "k"), ev.TextReceived("", m.Complain("", "en"), "s", "n", "k")),
        (ev.TextReceived("hi", m.Order("10"), "s", "n"), ev.TextReceived("", m.Order("10"), "s", "n")),
        (ev.MtQueued("hi", "help", "s", "n", 7), ev.MtQueued("", "help", "s", "n", 7)),
        (ev.SegmentKept("k", 1, 2, b"hi", 8), ev.SegmentKept("k", 1, 2, b"", 8)),
        (ev.ConsentGiven("10", 500, "Y", 1), None),
        (ev.CaseOpened("1", "hi", "sms"), None),
    ],
)
def test_redacted(event, kept):
    assert redacted(event) == kept
    if kept is not None:
        body = encode_event(event)
        short = erased(body, kept)
        assert body_digest(short) == body_digest(body)
        assert kept_fields(event, body) == kept_fields(kept, encode_event(kept)) != b""
        assert erased(short, kept) == short
        assert decode_event(type(event).__name__, short.decode()) == kept


def test_an_erased_body_without_fields():
    assert json.loads(erased(b"{}", ev.HelpGiven())) == json.loads(erased(b"{}")) == {"erased": body_digest(b"{}").hex()}
