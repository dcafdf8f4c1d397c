"""The whole service against SMSCs that other people wrote: node-smpp, Perl's Net::SMPP and Rust's smpp34.

One service is bound to all three at once, as to three operators; each must get its own subscribers' answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from sms.simulator.tls import self_signed
from tests.kit.peers import KINDS, NODE_SMPP, Kind, Peer, needed
from tests.kit.service import NUMBER, SERVICES, Service, eventually, matched, smsc

MUSIC = {"code": "55", "name": {"zh": "彩铃🎵下载", "en": "Ring tone 🎵"}, "price_fen": 100}
THROTTLED, QUEUE_FULL = 0x58, 0x14
_handsets = count(8613800000001)
_ids = count(1)


class Operator:
    """A foreign SMSC with the phones of its subscribers: what they send is acknowledged, what they get is remembered."""

    def __init__(self, kind: Kind, *options: str) -> None:
        self.kind, self.name = kind, kind.name.replace("::", "-")
        self.peer = Peer(kind, options)
        self._seen: list[dict[str, Any]] = []

    def events(self, event: str) -> list[dict[str, Any]]:
        """All of a kind so far."""
        while True:
            try:
                self._seen.append(self.peer.events.get_nowait())
            except Empty:
                return [seen for seen in self._seen if seen["event"] == event]

    def binds(self) -> int:
        """How often somebody has bound."""
        return len(self.events("bound"))

    def send(self, handset: str, text: str, **more: Any) -> str:
        """A text leaves; returns its id."""
        mo_id = f"mo{next(_ids)}"
        self.peer.tell("mo", id=mo_id, **{"from": handset}, to=NUMBER, text=text, **({"coding": "ucs2"} | more))
        return mo_id

    def acknowledged(self, mo_id: str) -> bool:
        """Whether a text has been taken."""
        return any(ack["id"] == mo_id and ack["status"] == 0 for ack in self.events("mo_ack"))

    def text(self, handset: str, text: str, **more: Any) -> None:
        """A text leaves and is taken."""
        mo_id = self.send(handset, text, **more)
        eventually(lambda: self.acknowledged(mo_id), what=lambda: self.events("mo_ack"))

    def shown(self, handset: str) -> list[str]:
        """What a phone has shown so far."""
        return [mt["text"] for mt in self.events("mt") if mt["to"] == handset]

    def ask(self, handset: str, text: str, **more: Any) -> str:
        """Send a text and wait for the answer to it."""
        before = len(self.shown(handset))
        self.text(handset, text, **more)
        return eventually(lambda: self.shown(handset)[before:], what=f"no answer to {text}")[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, dict[str, Operator]]]:
    """A service that is bound to every SMSC there is."""
    with ExitStack() as stack:
        operators = {kind.name: Operator(kind) for kind in KINDS if not kind.missing}
        for operator in operators.values():
            stack.callback(operator.peer.stop)
        tables = [smsc(operator.peer.port, operator.name, response_s=3) for operator in operators.values()]
        settings = {"service": (*SERVICES, MUSIC), "rules": {"help_per_hour": 1000}}
        service = stack.enter_context(Service(tmp_path_factory.mktemp("house"), *tables, settings=settings))
        service.await_ready()
        yield service, operators


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def operator(request: pytest.FixtureRequest, house: tuple[Service, dict[str, Operator]]) -> Operator:
    """Each of them in turn."""
    return house[1][needed(request.param).name]


@pytest.fixture
def service(house: tuple[Service, dict[str, Operator]]) -> Service:
    """The service."""
    return house[0]


@pytest.fixture
def handset() -> str:
    """A subscriber nobody has heard of."""
    return str(next(_handsets))


def test_a_conversation_in_chinese(service: Service, operator: Operator, handset: str) -> None:
    offer = operator.ask(handset, "订购 10")
    assert "天气预报(10)，5.00元/月" in offer
    assert "退订发TD 10到10655123" in offer
    assert "您已订购天气预报(10)" in operator.ask(handset, "是")
    assert service.states(handset) == {"10": "active"}
    assert "您订购了1项业务：天气预报(10)，5.00元" in operator.ask(handset, "查询")
    assert "天气预报(10)已退订" in operator.ask(handset, "退订 10")
    assert service.states(handset) == {"10": "cancelled"}


def test_a_conversation_in_english(service: Service, operator: Operator, handset: str) -> None:
    assert "You asked for Daily jokes (11), 3.00 yuan/month." in operator.ask(handset, "ORDER 11", coding="")
    assert "You now have Daily jokes (11)" in operator.ask(handset, "yes", coding="latin1")
    assert "Daily jokes (11), 3.00 yuan" in operator.ask(handset, "List", coding="")
    assert "Daily jokes (11) is cancelled" in operator.ask(handset, "STOP 11", coding="")
    assert service.states(handset) == {"11": "cancelled"}


def test_characters_beyond_16_bits(service: Service, operator: Operator, handset: str) -> None:
    assert "彩铃🎵下载(55)，1.00元/月" in operator.ask(handset, "订购 55")
    assert "已受理" in operator.ask(handset, "TS 没订😀却收费，𠮷先生")
    [case] = service.timeline(handset, "CaseOpened")
    assert "没订😀却收费，𠮷先生" in case["summary"]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)], ids=["in order", "in any order"])
def test_a_long_text_from_a_handset(service: Service, operator: Operator, handset: str, order: tuple[int, ...]) -> None:
    words = "没有订购却被收费" + "！" * 55 + "😀" + "请查" * 40 + "𠮷先生"  # the 67th unit is half an emoji
    octets = f"TS {words}".encode("utf-16-be")
    pieces = [octets[at : at + 134] for at in range(0, len(octets), 134)]
    assert octets[132:134] == "😀".encode("utf-16-be")[:2]
    for number in order:
        head = bytes((5, 0, 3, 77, len(pieces), number))
        operator.text(handset, "", octets=(head + pieces[number - 1]).hex(), data_coding=8, esm_class=0x40)
    eventually(lambda: operator.shown(handset))
    [case] = service.timeline(handset, "CaseOpened")
    assert words in case["summary"]
    assert len(service.timeline(handset, "TextReceived")) == 1


def test_a_long_text_to_a_handset(operator: Operator, handset: str) -> None:
    for code in ("10", "11", "20", "55"):
        operator.ask(handset, f"订购 {code}")
        operator.ask(handset, "Y")
    listed = operator.ask(handset, "查询")
    assert all(f"{service}，" in listed for service in ("天气预报(10)", "每日笑话(11)", "健康知识(20)", "彩铃🎵下载(55)"))
    assert listed.endswith("全部退订发00000。")
    assert operator.events("mt")[-1]["parts"] == 2


def test_receipts_find_their_texts(service: Service, operator: Operator, handset: str) -> None:
    operator.peer.tell("receipts", on=True)
    operator.ask(handset, "订购 10")
    operator.ask(handset, "Y")
    eventually(lambda: len(matched(service, handset)) == 2, what=lambda: service.timeline(handset))
    operator.peer.tell("receipts", on=False)
    assert all(receipt["status"] == 0 for receipt in operator.events("receipt_ack")[-2:])


@pytest.mark.parametrize("status", [THROTTLED, QUEUE_FULL], ids=["throttled", "queue full"])
def test_an_smsc_that_wants_less(service: Service, operator: Operator, status: int) -> None:
    handsets = [str(next(_handsets)) for _ in range(12)]
    operator.peer.tell("throttle", n=25, status=status)
    for text in ("ORDER 10", "LIST", "HELP", "STOP 10"):
        for mo_id in [operator.send(handset, text, coding="") for handset in handsets]:
            eventually(lambda mo_id=mo_id: operator.acknowledged(mo_id))  # type: ignore[misc]
    eventually(lambda: all(len(operator.shown(handset)) >= 4 for handset in handsets), what="texts are missing")
    starts = ["You asked for Weather", "You have no services", "ORDER and a code", "Your order of Weather (10) is withdrawn"]
    for handset in handsets:
        for text, start in zip(operator.shown(handset), starts, strict=True):
            assert text.startswith(start)
    eventually(lambda: not service.outbox())


@pytest.mark.parametrize("how", ["unbind", "cut"])
def test_the_link_ends_and_comes_again(service: Service, operator: Operator, handset: str, how: str) -> None:
    operator.ask(handset, "订购 10")
    binds = operator.binds()
    operator.peer.tell(how)
    eventually(lambda: operator.binds() > binds)
    assert "您已订购天气预报(10)" in operator.ask(handset, "Y")
    service.await_ready()
    assert f"SMSC {operator.name}: link lost: " in service.log()


def test_a_link_that_is_cut_under_load(service: Service, operator: Operator) -> None:
    handsets = [str(next(_handsets)) for _ in range(20)]
    binds = operator.binds()
    sent = {handset: operator.send(handset, "订购 10") for handset in handsets}
    operator.peer.tell("cut")
    eventually(lambda: operator.binds() > binds)
    for handset, mo_id in sent.items():
        if not operator.acknowledged(mo_id):  # as an SMSC does
            operator.text(handset, "订购 10")
    eventually(lambda: all(operator.shown(handset) for handset in handsets))
    assert [len(service.timeline(handset, "TextReceived")) for handset in handsets] == [1] * 20
    assert [service.states(handset) for handset in handsets] == [{"10": "offered"}] * 20
    eventually(lambda: not service.outbox())


def test_all_of_them_at_once(service: Service, house: tuple[Service, dict[str, Operator]]) -> None:
    operators = list(house[1].values())
    handsets = [(operator, str(next(_handsets))) for _ in range(10) for operator in operators]
    for operator, handset in handsets:
        operator.send(handset, "订购 20")
    eventually(lambda: all(operator.shown(handset) for operator, handset in handsets))
    for operator, handset in handsets:
        assert [len(other.shown(handset)) for other in operators] == [int(other is operator) for other in operators]
        [accepted] = eventually(lambda handset=handset: service.timeline(handset, "MtAccepted"))  # type: ignore[misc]
        assert f"{operator.name} " in accepted["summary"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "receiver" not in kind.cannot], ids=lambda kind: kind.name)
def test_two_binds_for_two_directions(kind: Kind, tmp_path: Path, handset: str) -> None:
    operator = Operator(needed(kind))
    with Service(tmp_path, smsc(operator.peer.port, bind="transmitter+receiver")) as service:
        service.await_ready()
        assert operator.binds() == 2
        assert "天气预报(10)" in operator.ask(handset, "订购 10")
        operator.peer.tell("cut")
        eventually(lambda: operator.binds() == 4)
        assert "您已订购天气预报(10)" in operator.ask(handset, "Y")
        service.await_ready()
    operator.peer.stop()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "password" not in kind.cannot], ids=lambda kind: kind.name)
def test_a_wrong_password(kind: Kind, tmp_path: Path) -> None:
    peer = Peer(needed(kind))
    with Service(tmp_path, smsc(peer.port, password="wrong")) as service:
        said = eventually(lambda: service.ready().get("smsc peer", "").partition("bind refused: ")[2])
        assert said == "the password is wrong (ESME_RINVPASWD, 0x0e)"
        assert f"SMSC peer: can't connect to 127.0.0.1:{peer.port}: bind refused: {said}" in service.log()
        assert "link lost" not in service.log()
        assert "wrong'" not in service.log()
    peer.stop()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Operator, Path]]:
    """node-smpp over TLS, and its certificate."""
    pem = tmp_path_factory.mktemp("tls") / "smsc.pem"
    pem.write_bytes(self_signed())
    operator = Operator(needed(NODE_SMPP), "--tls", str(pem))
    yield operator, pem
    operator.peer.stop()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_with_its_certificate_checked(encrypted: tuple[Operator, Path], tmp_path: Path, handset: str, host: str) -> None:
    operator, pem = encrypted
    with Service(tmp_path, smsc(operator.peer.port, host=host, tls=True, tls_ca=pem)) as service:
        service.await_ready()
        assert "天气预报(10)" in operator.ask(handset, "订购 10")
        binds = operator.binds()
        operator.peer.tell("cut")
        eventually(lambda: operator.binds() > binds)
        assert "您已订购天气预报(10)" in operator.ask(handset, "Y")
        assert service.stop() == 0


def test_tls_with_a_certificate_of_somebody_else(encrypted: tuple[Operator, Path], tmp_path: Path) -> None:
    operator, _ = encrypted
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(self_signed())
    binds = operator.binds()
    with Service(tmp_path / "service", smsc(operator.peer.port, host="localhost", tls=True, tls_ca=stranger)) as service:
        said = eventually(lambda: service.ready().get("smsc peer", "").removeprefix("not connected yet"))
        assert "certificate" in said
        eventually(lambda: "certificate" in service.log())
        assert operator.binds() == binds
