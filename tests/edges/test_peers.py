"""The foreign SMSCs themselves, with smpplib's client: so that a failure of our own client against them is our own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from smpplib import exceptions, smpp
from smpplib.client import Client

from sms.simulator.texts import segments
from sms.simulator.tls import self_signed
from tests.kit.peers import KINDS, NODE_SMPP, Kind, Peer, needed

HANDSET, SERVICE = "8613800000001", "10655123"


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    wanted: Kind = request.param
    return needed(wanted)


@pytest.fixture
def peer(kind: Kind) -> Iterator[Peer]:
    peer = Peer(kind)
    yield peer
    peer.stop()


def connect(peer: Peer, password: str = "secret", context: ssl.SSLContext | None = None) -> Client:
    client = Client("127.0.0.1", peer.port, allow_unknown_opt_params=True, ssl_context=context)
    client.connect()
    client.bind_transceiver(system_id="shouwen", password=password)
    return client


def close(client: Client) -> None:
    client._socket.close()
    client._socket = None


def submit(client: Client, octets: bytes, **fields: Any) -> Any:
    client.send_message(source_addr=SERVICE, destination_addr=HANDSET, short_message=octets, **fields)
    return client.read_pdu()


def acknowledge(client: Client, status: int = 0) -> Any:
    deliver = client.read_pdu()
    response = smpp.make_pdu("deliver_sm_resp", client=client, status=status, message_id="")
    response.sequence, response.status = deliver.sequence, status
    client.send_pdu(response)
    return deliver


def test_both_ways(peer: Peer) -> None:
    client = connect(peer)
    assert peer.wait("bound")["system_id"] == "shouwen"
    assert submit(client, b"hello").status == 0
    mt = peer.wait("mt")
    assert (mt["from"], mt["to"], mt["text"], mt["parts"]) == (SERVICE, HANDSET, "hello", 1)
    for segment in segments("您好" * 60, split="udh8"):
        submit(client, segment.octets, esm_class=segment.esm_class, data_coding=segment.data_coding)
    mt = peer.wait("mt")
    assert (mt["text"], mt["parts"], len(mt["ids"])) == ("您好" * 60, 2, 2)
    peer.tell("mo", id="a", **{"from": HANDSET}, to=SERVICE, text="订购 10", coding="ucs2")
    assert acknowledge(client).short_message.decode("utf-16-be") == "订购 10"
    assert peer.wait("mo_ack") == {"event": "mo_ack", "id": "a", "status": 0}
    peer.tell("mo", id="b", **{"from": HANDSET}, to=SERVICE, text="DZ 10")
    deliver = acknowledge(client, 0x64)
    assert (deliver.source_addr, deliver.destination_addr) == (HANDSET.encode(), SERVICE.encode())
    assert deliver.short_message == b"DZ 10"
    assert peer.wait("mo_ack")["status"] == 0x64
    close(client)


def test_commands(peer: Peer) -> None:
    client = connect(peer)
    peer.wait("bound")
    peer.tell("throttle", n=1)
    peer.tell("receipts", on=True)
    peer.tell("mo", id="a", **{"from": HANDSET}, to=SERVICE, text="x")
    acknowledge(client)
    peer.wait("mo_ack")
    assert submit(client, b"x").status == 0x58
    response = submit(client, b"x", registered_delivery=1)
    receipt = acknowledge(client)
    assert (receipt.esm_class, receipt.receipted_message_id, receipt.message_state) == (4, response.message_id, 2)
    assert receipt.short_message.startswith(b"id:%s sub:001" % response.message_id)
    assert peer.wait("receipt_ack")["status"] == 0
    peer.tell("unbind")
    unbind = client.read_pdu()
    assert unbind.command == "unbind"
    response = smpp.make_pdu("unbind_resp", client=client)
    response.sequence = unbind.sequence
    client.send_pdu(response)
    close(client)
    peer.wait("closed")
    client = connect(peer)
    peer.wait("bound")
    peer.tell("cut")
    with pytest.raises(exceptions.ConnectionError):
        client.read_pdu()
    peer.wait("closed")
    close(client)


@pytest.mark.parametrize("kind", [each for each in KINDS if "password" not in each.cannot], ids=lambda kind: kind.name)
def test_password(kind: Kind, peer: Peer) -> None:
    with pytest.raises(exceptions.PDUError, match="Invalid Password"):
        connect(peer, "wrong")


def test_tls(tmp_path: Path) -> None:
    needed(NODE_SMPP)
    pem = tmp_path / "smsc.pem"
    pem.write_bytes(self_signed())
    peer = Peer(NODE_SMPP, ["--tls", str(pem)])
    context = ssl.create_default_context(cafile=str(pem))
    context.check_hostname = False  # smpplib gives no name to check
    client = connect(peer, context=context)
    assert submit(client, b"hello").status == 0
    assert peer.wait("mt")["text"] == "hello"
    close(client)
    peer.stop()
