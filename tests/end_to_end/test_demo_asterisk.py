"""The demo with a real Asterisk, as somebody with a soft phone tries it: the account that it prints calls and cancels."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.kit.asterisk import CACHE, program
from tests.kit.baresip import SoftPhone
from tests.kit.demo import Demo
from tests.kit.service import eventually

ANN = "8613800000001"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    program()
    with Demo(tmp_path, "--asterisk", str(CACHE / "asterisk")) as demo:
        yield demo


def post(demo: Demo, path: str, body: object) -> None:
    headers = {"Content-Type": "application/json", "Origin": demo.page}
    with urllib.request.urlopen(urllib.request.Request(demo.page + path, json.dumps(body).encode(), headers), timeout=5):
        pass


def get(demo: Demo, path: str) -> str:
    with urllib.request.urlopen(demo.page + path, timeout=5) as answer:
        return str(answer.read().decode())


def happened(demo: Demo, kind: str) -> bool:
    return f'<span class="kind">{kind}</span>' in get(demo, f"/?msisdn={ANN}")


def said(demo: Demo) -> str:
    return str(json.loads(get(demo, f"/live/call?msisdn={ANN}"))["html"])


def test_a_soft_phone_cancels_and_reaches_an_agent(demo: Demo, tmp_path: Path) -> None:
    server, password = cast("re.Match[str]", re.search(r"at (\S+) \(UDP\), password (\S+):", demo.told)).groups()
    accounts = dict(re.findall(r"account (\S+) +(\S+)", demo.told))
    assert list(accounts.values()) == ["the", "agent", "agent"]
    subscriber, agent, _ = accounts
    at: Any = SimpleNamespace(sip=server)
    for words in ("DZ 10", "Y"):
        post(demo, "/demo/texts", {"msisdn": ANN, "text": words})
    eventually(lambda: happened(demo, "Activated"))
    with SoftPhone(at, agent, password), SoftPhone(at, subscriber, password) as phone:
        post(demo, "/demo/agents", {"name": "1001", "working": True})
        phone.dial("10198")
        for words in ("请按九", "退订请按一", "确认退订请按一"):
            eventually(lambda words=words: words in said(demo) or "press nine" in said(demo), 15, lambda: said(demo))  # type: ignore[misc]
            phone.press("1")
        eventually(lambda: happened(demo, "Cancelled"), 15, lambda: said(demo))
        eventually(lambda: "已退订" in get(demo, f"/live/thread?msisdn={ANN}"))
        phone.press("0")
        eventually(lambda: happened(demo, "Connected"), 25, lambda: said(demo))
        phone.hang_up()
    eventually(lambda: happened(demo, "Left"))
    assert demo.stop() == 0
    assert not [*tmp_path.glob("shouwen-demo-*")]
