"""sms.pdu: the splitter of a stream into whole PDUs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms import pdu as p
from sms.errors import RemoteProtocolError
from sms.pdu import Splitter, encode


@pytest.mark.parametrize("length", [0, 15, 65537, 0xFFFFFFFF])
def test_splitter_refuses_impossible_lengths_at_the_fourth_octet(length: int) -> None:
    splitter = Splitter()
    assert splitter.feed(length.to_bytes(4, "big")[:3]) == []
    for _ in range(2):
        with pytest.raises(RemoteProtocolError) as caught:
            splitter.feed(length.to_bytes(4, "big")[3:])
        assert caught.value.fatal
        assert caught.value.status == 2


def test_splitter_gives_the_whole_pdus_before_a_broken_one() -> None:
    splitter = Splitter()
    raw = encode(p.EnquireLink(1))
    assert splitter.feed(raw + raw + bytes(8)) == [raw, raw]
    assert splitter.broken is not None
    with pytest.raises(RemoteProtocolError):
        splitter.feed(raw)


def test_splitter_limits() -> None:
    splitter = Splitter(limit=32)
    longest = b"\0\0\0\x20" + bytes(28)
    assert splitter.feed(longest) == [longest]
    with pytest.raises(RemoteProtocolError):
        splitter.feed(b"\0\0\0\x21")


def test_splitter_is_not_quadratic() -> None:
    raw = (65536).to_bytes(4, "big") + bytes(65532)
    splitter = Splitter()
    pieces = [splitter.feed(raw[at : at + 1]) for at in range(len(raw))]
    assert pieces[-1] == [raw]
    assert not any(pieces[:-1])


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_splitter_gives_the_same_for_all_cuts(bodies: list[bytes], cuts: list[int]) -> None:
    pdus = [(16 + len(body)).to_bytes(4, "big") + bytes(12) + body for body in bodies]
    stream, splitter, got, at, turn = b"".join(pdus), Splitter(), [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        got += splitter.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert got == pdus
