"""Whatever a peer sends, flows meet nothing but the few errors of a call, and memory stays bounded."""

from __future__ import annotations

import random

import pytest

from ivr.call import Call
from ivr.errors import IvrError
from ivr.replies import BLOCK_MAX, LINE_MAX
from tests.edges.test_agi_server import COMMANDS, greenlets
from tests.kit.agi import DEAD, Asterisk, environment

STEMS = [
    b"200 result=",
    b"200 result=-1",
    b"200 result=1 (",
    b"100 ",
    b"510 ",
    b"520-",
    b"520 End of proper usage.",
    DEAD.encode(),
    b"HANGUP",
]
STEMS += [
    b"",
    b"200 result=99999999999999999999",
    b"200 result=49 endpos=",
    b"\xff\xfe",
    b"200 result=\xe4\xba",
    b"200 result=\xc2\xb2",
    b"\0",
]


def line(chance: random.Random) -> bytes:
    """A line that may be nearly right, or not at all."""
    octets = chance.choice(STEMS) + chance.randbytes(chance.choice((0, 0, 1, 3, 20, 300)))
    if chance.random() < 0.2:
        octets += chance.choice((b")", b" (hangup)", b" (timeout) endpos=5", b"520 End of proper usage.", b"\r"))
    return octets.replace(b"\n", b" ")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_lines(seed: int, full: bool) -> None:
    chance, lines, before = random.Random(seed), 250_000 if full else 25_000, greenlets()
    asks = [ask for ask, _, _, _ in COMMANDS.values()]

    def flow(call: Call) -> None:
        for _ in range(100):
            try:
                chance.choice(asks)(call)
            except IvrError:
                if chance.random() < 0.1:
                    raise

    asterisk = Asterisk(flow, begin=False)
    for _ in range(lines):
        if not asterisk.connected:
            assert [each for each in asterisk.failures if not isinstance(each, IvrError)] == []
            asterisk = Asterisk(flow, begin=False)
            asterisk.protocol.dataReceived(environment() if chance.random() < 0.9 else line(chance) + b"\n\n")
        asterisk.transport.sent.clear()
        asterisk.protocol.dataReceived(line(chance) + b"\n" * chance.choice((0, 1, 1, 1, 1, 2)))
        assert len(asterisk.protocol._reader._rest) <= LINE_MAX or asterisk.transport.disconnecting
        assert asterisk.protocol._reader._size <= BLOCK_MAX + LINE_MAX
        if asterisk.transport.disconnecting:
            asterisk.lose()
    asterisk.lose()
    assert asterisk.over
    assert greenlets() == before
