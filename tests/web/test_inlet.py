from __future__ import annotations

import pytest
from twisted.logger import globalLogPublisher

from hotline.web.http import BODY_MAX_OCTETS
from tests.web.kit import NUMBER, Browser, Wire

HEAD = f"POST /api/v1/subscribers/{NUMBER}/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\n"


def test_an_overlong_body_is_refused_and_not_kept(real: Browser) -> None:
    wire = Wire(real)
    wire.send(f"{HEAD}Content-Length: {2 * BODY_MAX_OCTETS}\r\n\r\n".encode())
    for _ in range(2 * BODY_MAX_OCTETS // 4096):
        wire.send(b"x" * 4096)
    assert " 413 " in wire.read().split("\r\n")[0]


@pytest.mark.parametrize("framing", ["Content-Length: 99999999", "Transfer-Encoding: chunked"])
def test_a_body_without_end_is_cut_off(real: Browser, framing: str) -> None:
    wire = Wire(real)
    wire.send(f"{HEAD}{framing}\r\n\r\n".encode())
    piece = b"x" * 65536
    for _ in range(20):
        if wire.transport.disconnecting:
            break
        wire.send(b"10000\r\n" + piece + b"\r\n" if "chunked" in framing else piece)
    assert wire.transport.disconnecting


def test_a_chunked_body_is_read(real: Browser) -> None:
    wire = Wire(real)
    body = b'{"service": "10", "key": "k"}'
    wire.send(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert " 202 " in wire.read().split("\r\n")[0]


def test_nothing_that_is_logged_holds_a_number(real: Browser) -> None:
    seen: list[str] = []

    def observer(entry: object) -> None:
        seen.append(str(entry))

    globalLogPublisher.addObserver(observer)
    try:
        wire = Wire(real)
        wire.get(f"/subscribers/{NUMBER}")
        assert " 200 " in wire.read().split("\r\n")[0]
        real.house.down = True
        wire.get(f"/subscribers/{NUMBER}")
        assert " 503 " in wire.read().split("\r\n")[0]
    finally:
        globalLogPublisher.removeObserver(observer)
    assert NUMBER not in "".join(seen)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\nAccept-Language: \xff\r\n\r\n", 200),
        (b"GET /outbox HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Language: \xff\r\n\r\n", 200),
        (b"GET /api/v1/outbox HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n\r\n", 401),
    ],
)
def test_octets_that_are_no_text_are_refused_without_an_alarm(real: Browser, request_: bytes, status: int) -> None:
    seen: list[object] = []
    globalLogPublisher.addObserver(seen.append)
    try:
        wire = Wire(real)
        wire.send(request_)
        assert f" {status} " in wire.read().split("\r\n")[0]
    finally:
        globalLogPublisher.removeObserver(seen.append)
    assert [entry for entry in seen if getattr(entry.get("log_level"), "name", "") in ("error", "critical")] == []  # type: ignore[attr-defined]
