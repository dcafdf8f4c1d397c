"""An SMSC on PyPI's smpp34 (Rust); what it says and hears is in __init__.py.

The library admits whoever binds, and has no way to break a link: "cut" finds the sockets among this process's open files.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from typing import Any

import smpp34

THROTTLED = 0x58
CODINGS = {0: "latin-1", 1: "ascii", 3: "latin-1", 8: "utf-16-be"}


def say(event: str, **more: Any) -> None:
    """One event."""
    sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
    sys.stdout.flush()


def free_port() -> int:
    """A port that is free now: the library can't tell which one 0 became."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cut_header(octets: bytes) -> tuple[bytes, tuple[int, int, int]]:
    """The text's octets, and reference, total and number from the UDH."""
    header, rest = octets[: octets[0] + 1], octets[octets[0] + 1 :]
    if header[1:3] == b"\x08\x04":
        return rest, (int.from_bytes(header[3:5], "big"), header[5], header[6])
    return rest, (header[3], header[4], header[5])


class Smsc:
    """The server and who is bound to it."""

    def __init__(self) -> None:
        self.port, self.throttle, self.receipts, self.next_id = free_port(), 0, False, 1
        self.throttle_status = THROTTLED
        self.bound: dict[str, smpp34.Esme] = {}
        self.unfinished: dict[tuple[Any, ...], dict[int, tuple[str, str]]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen and serve."""
        self.server = smpp34.Server("127.0.0.1", self.port, system_id="smpp34")
        await self.server.start()
        self.run(self.serve())

    async def serve(self) -> None:
        """Take events until stopped."""
        while True:
            event = await self.server.next()
            if isinstance(event, smpp34.Esme):
                self.bound[event.session_id] = event
                say("bound", system_id=event.system_id, mode="transceiver" if event.can_receive else "transmitter")
            elif isinstance(event, smpp34.SubmitSmEvent):
                self.submitted(event)
            else:
                self.bound.pop(event.session_id, None)
                say("closed")

    def submitted(self, event: smpp34.SubmitSmEvent) -> None:
        """Answer one submit_sm and keep its text."""
        if self.throttle:
            self.throttle -= 1
            event.reject(self.throttle_status)
            return
        message_id = str(self.next_id)
        self.next_id += 1
        event.accept(message_id)
        payload = next((tlv.value for tlv in event.tlvs if tlv.tag == smpp34.TLV_MESSAGE_PAYLOAD), event.short_message)
        octets, place = cut_header(payload) if event.esm_class & 0x40 else (payload, (0, 1, 1))
        key = (event.source_addr, event.destination_addr, place[0], place[1])
        parts = self.unfinished.setdefault(key, {})
        parts[place[2]] = (message_id, octets.decode(CODINGS.get(event.data_coding, "latin-1"), "replace"))
        if len(parts) == place[1]:
            whole = [parts[number] for number in sorted(parts)]
            del self.unfinished[key]
            text, ids = "".join(piece for _, piece in whole), [part_id for part_id, _ in whole]
            say("mt", **{"from": event.source_addr}, to=event.destination_addr, text=text, parts=place[1], ids=ids)
        if self.receipts and event.registered_delivery & 3 == 1:
            self.run(self.receipt(event, message_id))

    async def receipt(self, event: smpp34.SubmitSmEvent, message_id: str) -> None:
        """Say that an MT was delivered."""
        said = f"id:{message_id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:"
        receipted = smpp34.Tlv(smpp34.TLV_RECEIPTED_MESSAGE_ID, message_id.encode() + b"\0")
        tlvs = [receipted, smpp34.Tlv(smpp34.TLV_MESSAGE_STATE, b"\2")]
        await self.deliver(
            "receipt_ack",
            message_id,
            event.source_addr,
            said.encode(),
            source_addr=event.destination_addr,
            esm_class=4,
            tlvs=tlvs,
        )

    async def mo(self, order: dict[str, Any]) -> None:
        """Send a handset's text."""
        dcs = order.get("data_coding", {"ucs2": 8, "latin1": 3}.get(order.get("coding", ""), 0))
        octets = bytes.fromhex(order["octets"]) if "octets" in order else order["text"].encode(CODINGS[dcs])
        await self.deliver(
            "mo_ack",
            order.get("id"),
            order["to"],
            octets,
            source_addr=order["from"],
            source_addr_ton=1,
            source_addr_npi=1,
            data_coding=dcs,
            esm_class=order.get("esm_class", 0),
        )

    async def deliver(self, event: str, what: str | None, to: str, octets: bytes, **fields: Any) -> None:
        """One deliver_sm to whoever can receive."""
        esme = next((esme for esme in self.bound.values() if esme.can_receive), None)
        if esme is None:
            say(event, id=what, status=None)
            return
        try:
            answer = await esme.deliver_sm(to, octets, **fields)
        except smpp34.SmppError:
            say(event, id=what, status=None)
        else:
            say(event, id=what, status=answer.command_status)

    def cut(self) -> None:
        """Break all links."""
        for name in os.listdir("/proc/self/fd"):
            try:
                with socket.socket(fileno=os.dup(int(name))) as link:
                    if link.getsockname()[1] == self.port and link.getpeername():
                        link.shutdown(socket.SHUT_RDWR)
            except (OSError, IndexError):
                continue  # a file, a pipe, the listening socket

    def run(self, what: Any) -> None:
        """Let a coroutine go on by itself."""
        task = asyncio.ensure_future(what)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def obey(self, order: dict[str, Any]) -> None:
        """One command."""
        match order["cmd"]:
            case "mo":
                self.run(self.mo(order))
            case "throttle":
                self.throttle, self.throttle_status = order["n"], order.get("status", THROTTLED)
            case "receipts":
                self.receipts = order["on"]
            case "unbind":
                for esme in list(self.bound.values()):
                    self.run(esme.unbind())
            case "cut":
                self.cut()


async def main() -> None:
    """Serve until standard input ends."""
    smsc, stdin = Smsc(), asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    await smsc.start()
    say("listening", port=smsc.port)
    while line := await stdin.readline():
        order = json.loads(line)
        if order["cmd"] == "stop":
            break
        smsc.obey(order)
    await smsc.server.stop()


asyncio.run(main())
