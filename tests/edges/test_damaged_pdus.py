"""Thousands of damaged PDUs at the living desk: none may raise, keep the next good one from its answer, or fill the memory."""

from __future__ import annotations

import gc
import logging
import random
import struct
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]
import pytest

from sms.pdu import Command, DeliverSm, DeliverSmResp, encode
from sms.pdu_check import FIXED_TLVS, MAX_PDU_OCTETS
from tests.kit.stringdesk import StringDesk
from tests.storage.driver import sound

NUMBER = "10655123"
SINGLE_TLVS = (*FIXED_TLVS, 0x001D, 0x001E, 0x0202, 0x0203, 0x0303, 0x0381, 0x0424, 0x1383, 0x130C, 0x1400, 0x0000, 0xFFFF)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """Log records with a traceback."""
    found: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                found.append(record)

    handler = Keep()
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


class Vandal:
    """Makes damaged PDUs; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.sequence = 0

    def good(self, text: bytes = b"0000", **fields: object) -> bytes:
        """A deliver_sm as it should be."""
        self.sequence += 1
        source = f"86138{self.chance.randrange(10**5):08d}"
        message = {"source_ton": 1, "source_npi": 1, "source": source, "dest_ton": 0, "dest_npi": 1, "dest": NUMBER}
        message |= {"esm_class": 0, "data_coding": 0, "payload": text} | fields
        return encode(DeliverSm(sequence=self.sequence, **message))  # type: ignore[arg-type]

    def odd(self) -> bytes:
        """A deliver_sm that can be read and that nobody would send."""
        chance = self.chance
        return self.good(
            chance.randbytes(chance.choice((0, 1, 2, 3, 20, 140, 254))),
            esm_class=chance.choice((0, 0x04, 0x20, 0x40, 0x44, 0x80, 0xFF, chance.randrange(256))),
            data_coding=chance.randrange(256),
            source=chance.choice(("", "0", "BANK", "1" * 20, "+86 138", "éÿ", "8613800000000", "9" * 15)),
            source_ton=chance.randrange(8),
            dest=chance.choice((NUMBER, "", "é" * 20, "10655")),
            dest_ton=chance.choice((0, 1, 255)),
        )

    def long_address(self) -> bytes:
        """Addresses that are longer than any that a PDU of ours can hold."""
        raw = bytearray(self.good())
        at = raw.index(NUMBER.encode())
        raw[at:at] = b"1" * self.chance.randrange(10, 50)
        return _sized(bytes(raw))

    def tlv(self) -> bytes:
        """A TLV of the wrong size, or one that goes beyond its PDU."""
        chance = self.chance
        tag, size = chance.choice(SINGLE_TLVS), chance.choice((0, 1, 2, 3, 4, 5, 64, 300))
        claimed = size if chance.random() < 0.8 else chance.randrange(65536)
        return _sized(self.good() + struct.pack(">HH", tag, claimed) + chance.randbytes(size))

    def truncated(self) -> bytes:
        """Cut anywhere; its command_length is right."""
        raw = self.good(b"DZ 10" * 10)
        return _sized(raw[: self.chance.randrange(16, len(raw))])

    def flipped(self) -> bytes:
        """Some octets after the length are others."""
        raw = bytearray(self.good(b"TD 10"))
        for _ in range(self.chance.randrange(1, 6)):
            raw[self.chance.randrange(4, len(raw))] = self.chance.randrange(256)
        return bytes(raw)

    def random_body(self) -> bytes:
        """A known command, and anything after it."""
        command = self.chance.choice([each for each in Command if each not in (Command.UNBIND, Command.UNBIND_RESP)])
        body = self.chance.randbytes(self.chance.randrange(120))
        return _sized(struct.pack(">4L", 0, command, self.chance.choice((0, 8, 0x58)), self.chance.randrange(1 << 32)) + body)

    def segment(self) -> bytes:
        """A part of a long text whose header is wrong."""
        chance = self.chance
        header = bytes((chance.choice((5, 6, 4, 0, 255)), chance.choice((0, 8, 1)), chance.choice((3, 4, 0))))
        return self.good(header + chance.randbytes(chance.randrange(60)), esm_class=0x40)

    def wrong_length(self) -> bytes:
        """A command_length that is not its own: the stream is out of step from here on."""
        raw = self.good()
        near, beyond = (len(raw) - 1, len(raw) + 1), (MAX_PDU_OCTETS + 1, 1 << 31, (1 << 32) - 1)
        length = self.chance.choice((0, 1, 15, *near, MAX_PDU_OCTETS, *beyond))
        return struct.pack(">L", length) + raw[4:]


def _sized(raw: bytes) -> bytes:
    return struct.pack(">L", len(raw)) + raw[4:]


KINDS = (Vandal.odd, Vandal.tlv, Vandal.truncated, Vandal.flipped, Vandal.random_body, Vandal.segment, Vandal.long_address)


def served(desk: StringDesk, vandal: Vandal) -> bool:
    """Whether a good text gets its acknowledgement now."""
    desk.answered.clear()
    text = vandal.good(b"CX")
    desk.feed(text)
    desk.settle()
    return any(isinstance(pdu, DeliverSmResp) and (pdu.sequence, pdu.status) == (vandal.sequence, 0) for pdu in desk.answered)


def test_damaged_pdus(sqlite_url: str, full: bool, records: list[logging.LogRecord]) -> None:
    """Everything that is damaged within its own length: the link stays, and what comes next is served."""
    vandal, process, rss = Vandal(20061), psutil.Process(), 0
    count, every = (200_000 if full else 20_000), 50
    with StringDesk(sqlite_url) as desk:
        for number in range(0, count, every):
            desk.feed(b"".join(vandal.chance.choice(KINDS)(vandal) for _ in range(every)))
            desk.settle()
            desk.clock.advance(0.01)
            if desk.closed:  # a damaged PDU may have become an unbind
                desk.lose()
                desk.connect()
            assert served(desk, vandal), f"the {number}th"
            if number == count // 4:
                gc.collect()
                rss = process.memory_info().rss
        assert not records, logging.Formatter().format(records[0])
        desk.clock.advance(400)
        desk.settle()
        assert desk.outbound.held() == 0
        assert desk.texts > count // every
        assert process.memory_info().rss - rss < 32 << 20
    sound(sqlite_url)


def test_streams_out_of_step(sqlite_url: str, full: bool, records: list[logging.LogRecord]) -> None:
    """After a wrong command_length the link is served on or closed, if not at once then after some PDUs' worth of octets."""
    vandal, closed = Vandal(2015), 0
    with StringDesk(sqlite_url) as desk:
        for _ in range(5000 if full else 300):
            desk.feed(vandal.wrong_length())
            fed = 0
            while not desk.closed and not served(desk, vandal):
                desk.feed(more := b"".join(vandal.good() for _ in range(100)))
                fed += len(more)
                assert fed < 10 * MAX_PDU_OCTETS, "waits for ever"
            if desk.closed:
                closed += 1
                desk.lose()
                desk.connect()
        assert served(desk, vandal)
    assert closed > 100
    assert not records
