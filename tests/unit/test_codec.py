"""Times, partitions, stored events and states, and the hash chain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain.subscriber import Subscriber
from hotline.storage.codec import (
    GENESIS,
    body_digest,
    chain_hash,
    decode_event,
    decode_state,
    encode_event,
    encode_state,
    erased,
    from_us,
    is_erased,
    partition_of,
    to_us,
)
from tests.kit.subject import START, Subject

TEXT = ev.TextReceived("DZ 10 天气", m.Order("10", "zh"), "main", "10655123")


# -- times


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_times_come_back_to_the_microsecond(at: datetime) -> None:
    assert from_us(to_us(at)) == at
    assert from_us(to_us(at)).tzinfo is UTC


def test_times_are_instants_whatever_their_zone() -> None:
    shanghai = START.astimezone(timezone(timedelta(hours=8)))
    assert to_us(shanghai) == to_us(START) == 1_795_406_400_000_000
    assert to_us(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert to_us(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == -1
    with pytest.raises(TypeError):
        to_us(datetime(2026, 1, 1))


# -- partitions


def test_partitions_stay_where_they_are() -> None:
    streams = ["8613800000001", "8613800000002", "8613900000003", "alpha:Bank"]
    assert [partition_of(stream, 16) for stream in streams] == [5, 15, 10, 10]
    assert {partition_of(stream, 1) for stream in streams} == {partition_of(stream, 0) for stream in streams} == {0}


def test_partitions_are_used_evenly() -> None:
    counts = [0] * 16
    for number in range(16_000):
        counts[partition_of(f"86138{number:08d}", 16)] += 1
    assert min(counts) > 800


# -- events and states


@pytest.mark.parametrize(
    "event",
    [
        TEXT,
        ev.TextReceived("\x00\ufffd\u2028😀", m.Unclear("either", ("10", "11"), "en"), "", "", "k"),
        ev.SegmentKept("main/1/2/3", 1, 3, bytes(range(256)), 8),
        ev.OfferMade("10", 500, START, "api", "shop"),
        ev.MtAccepted(7, {1: "a", 255: "b"}, "main", True, False),
        ev.WakeSet(START + timedelta(microseconds=1), "reminder", "10", 5, 2),
        ev.HelpGiven(),
        ev.QuestionAsked(("10", "11")),
    ],
)
def test_events_come_back_as_they_were(event: ev.Event) -> None:
    body = encode_event(event)
    assert decode_event(type(event).__name__, body.decode()) == event
    assert not body.startswith(b'{"erased')


def test_every_kind_of_event_can_be_read() -> None:
    for kind in ev.EVENTS:
        with pytest.raises(msgspec.ValidationError):
            decode_event(kind, "[]")


def test_a_damaged_event_is_told() -> None:
    with pytest.raises(KeyError):
        decode_event("Nonsense", "{}")
    for body in ('{"code":"10"}', "{", ""):
        with pytest.raises(msgspec.DecodeError):
            decode_event("OfferMade", body)


def test_an_empty_state_takes_no_room() -> None:
    assert encode_state(Subscriber()) == "{}"
    assert decode_state("{}") == Subscriber()


def test_a_state_is_written_in_one_way_only() -> None:
    he = Subject()
    for lang in ("en", "zh"):
        he.subscribe("10")
        he.send(m.CancelAll(lang))
        he.send(m.Complain("words"))
    body = encode_state(he.state)
    assert encode_state(decode_state(body)) == encode_state(he.replayed()) == body
    assert '"lang"' not in body


def test_two_new_states_share_nothing() -> None:
    one, two = Subscriber(), decode_state("{}")
    one.helped.append(START)
    one.cases["1"] = None  # type: ignore[assignment]
    assert two == Subscriber()


# -- the chain

LINK = ("8613800000001", 1_795_406_400_000_000, "TextReceived", "link:7")


def test_the_chain_is_what_its_description_says() -> None:
    body = encode_event(TEXT)
    expected = sha256(
        GENESIS + b"|19|8613800000001|1795406400000000|TextReceived|link:7|" + sha256(body).digest()
    ).digest()
    assert chain_hash(GENESIS, 19, *LINK, body) == expected
    assert len(GENESIS) == len(expected) == 32


def test_every_part_of_an_event_changes_its_hash() -> None:
    body = encode_event(TEXT)
    stream, at, kind, cause = LINK
    hashes = {
        chain_hash(GENESIS, 19, stream, at, kind, cause, body),
        chain_hash(sha256(b"").digest(), 19, stream, at, kind, cause, body),
        chain_hash(GENESIS, 20, stream, at, kind, cause, body),
        chain_hash(GENESIS, 19, "8613800000002", at, kind, cause, body),
        chain_hash(GENESIS, 19, stream, at + 1, kind, cause, body),
        chain_hash(GENESIS, 19, stream, at, "HelpGiven", cause, body),
        chain_hash(GENESIS, 19, stream, at, kind, "link:8", body),
        chain_hash(GENESIS, 19, stream, at, kind, cause, body + b" "),
    }
    assert len(hashes) == 8


@given(st.builds(lambda text: encode_event(ev.CaseOpened("1", text, "sms")), st.text(st.characters(codec="utf-8"))))
def test_an_erased_body_leaves_the_chain_whole(body: bytes) -> None:
    gone = erased(body)
    assert chain_hash(GENESIS, 19, *LINK, gone) == chain_hash(GENESIS, 19, *LINK, body)
    assert body_digest(gone) == body_digest(body) == sha256(body).digest()
    assert erased(gone) == gone
    assert msgspec.json.decode(gone) == {"erased": sha256(body).hexdigest()}


def test_an_erased_body_holds_none_of_the_words() -> None:
    gone = erased(encode_event(TEXT)).decode()
    assert "DZ" not in gone
    assert is_erased(gone)
    assert not is_erased(encode_event(TEXT).decode())
    with pytest.raises(msgspec.ValidationError):
        decode_event("TextReceived", gone)


@pytest.mark.parametrize("kept", [msgspec.structs.replace(TEXT, text=""), ev.HelpGiven()])
def test_what_stands_beside_the_digest_can_still_be_read(kept: ev.Event) -> None:
    body = encode_event(TEXT)
    gone = erased(body, kept)
    assert msgspec.json.decode(gone)["erased"] == sha256(body).hexdigest()
    assert decode_event(type(kept).__name__, gone.decode()) == kept
    assert chain_hash(GENESIS, 19, *LINK, gone) == chain_hash(GENESIS, 19, *LINK, body)
    assert erased(gone, kept) == gone


def test_a_changed_digest_breaks_the_chain() -> None:
    body = encode_event(TEXT)
    other = erased(encode_event(ev.HelpGiven()))
    assert chain_hash(GENESIS, 19, *LINK, other) != chain_hash(GENESIS, 19, *LINK, body)
    with pytest.raises(ValueError, match="hexadecimal"):
        body_digest(b'{"erased":"not a digest"}')


def test_a_whole_life_is_one_chain() -> None:
    he = Subject()
    he.subscribe()
    he.live(START + timedelta(days=40))
    rows, head = [], GENESIS
    for event_id, event, cause, at in he.stored:
        body = encode_event(event)
        head = chain_hash(head, event_id, "86", to_us(at), type(event).__name__, cause, body)
        rows.append((event_id, to_us(at), type(event).__name__, cause, erased(body), head))
    again = GENESIS
    for event_id, us, kind, cause, gone, kept in rows:
        again = chain_hash(again, event_id, "86", us, kind, cause, gone)
        assert again == kept
