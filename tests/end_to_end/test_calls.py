"""Real calls: Asterisk, `shouwen serve` and a simulated SMSC, called by sipp and by a soft phone that people use."""

from __future__ import annotations

import re
import time
import urllib.request
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from conf.load import load
from ivr.prompts.files import key_of
from ivr.prompts.phrases import sentence
from ivr.prompts.synth_espeak import EspeakVoice
from tests.kit import finger
from tests.kit.asterisk import NUMBER
from tests.kit.baresip import SoftPhone
from tests.kit.calls import PROMPTS, Calls
from tests.kit.prompts import CATALOGUE
from tests.kit.service import eventually
from tests.kit.shell import run
from tests.kit.sipp import Agent

ACCOUNT, SECRET = "2001", "phone; secret"
OWN = "13800000001"
"""The number that the soft phone's calls show."""
NEW_ACCOUNT = "2002"
"""One where no phone has registered yet."""
TONE_HZ = 1000


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    accounts = [{"name": ACCOUNT, "secret": SECRET, "number": OWN}, {"name": NEW_ACCOUNT, "secret": SECRET}]
    with Calls(tmp_path_factory.mktemp("calls"), phone=accounts) as made:
        yield made


@pytest.fixture(autouse=True)
def tidy(calls: Calls) -> Iterator[None]:
    yield
    calls.asterisk.await_idle(20.0)
    calls.logout_all()


@pytest.fixture
def phone(calls: Calls) -> Iterator[SoftPhone]:
    with SoftPhone(calls.asterisk, ACCOUNT, SECRET) as made:
        yield made


def kinds(calls: Calls, msisdn: str) -> list[str]:
    """Kinds of the events in a subscriber's timeline."""
    return [each["kind"] for each in calls.service.timeline(msisdn)]


def spoken(name: str, /, **values: object) -> finger.Array:
    """The sound of a prompt in Chinese."""
    if CATALOGUE.is_fixed(name):
        return finger.read(PROMPTS / "zh" / f"{name}.wav")
    words = sentence(CATALOGUE, name, "zh", values)
    return finger.read(PROMPTS / "zh" / "said" / f"{key_of(EspeakVoice().name, words)}.wav")


def test_check_finds_all_that_runs(calls: Calls) -> None:
    checked = run("check", "--config", calls.service.config)
    assert [line for line in checked.stdout.splitlines() if not line.startswith("ok   ")] == []
    assert f"ok   fastagi: Asterisk reaches agi://{calls.asterisk.agi}, where the service runs" in checked.stdout


# -- the dialogue


def test_three_keys_cancel_a_service(calls: Calls) -> None:
    msisdn = calls.subscribed("13900000001", "10", "11")
    with calls.caller(keys=[(1000, "1"), (500, "1"), (500, "1")], hang_up_ms=800, caller="13900000001") as caller:
        assert caller.wait().ok
    assert calls.service.states(msisdn) == {"10": "cancelled", "11": "active"}
    texts = eventually(lambda: [text for text in calls.smsc.shown(msisdn) if "天气预报(10)已退订" in text])
    assert len(texts) == 1
    calls.await_event(msisdn, "Left")
    done = kinds(calls, msisdn)
    assert "语音" in calls.service.timeline(msisdn, "Cancelled")[0]["summary"]
    assert done.count("KeyPressed") == 3
    assert done[-1] == "Left", done


def test_a_soft_phone_hears_what_the_flow_says(calls: Calls, phone: SoftPhone) -> None:
    """A whole call by another client: what came down the line is recognised as the prompts, in their order."""
    msisdn = calls.subscribed(OWN, "10")
    service = next(each for each in load(calls.service.config).service if each.code == "10")
    phone.dial(NUMBER)
    time.sleep(8.5)  # the greeting, the offer of English, and the beginning of the menu
    phone.press("111", every_s=2.2)
    phone.hang_up()
    heard = finger.read(phone.heard())
    (greeting,) = calls_greeting(heard)
    said = [
        greeting,
        finger.find(spoken("language_offer"), heard, first_s=2, name="language_offer"),
        finger.find(spoken("main"), heard, first_s=2, name="main"),
    ]
    values = {"name": service.name, "price": (service.price_fen, service.fee)}
    for name in ("service_last", "cancel_confirm", "cancelled"):
        fits = {key: values[key] for key in CATALOGUE.fields(name)}
        said.append(finger.find(spoken(name, **fits), heard, first_s=2, name=name))
    assert [each.name for each in said if not each.sure] == [], said
    assert [each.at_s for each in said] == sorted(each.at_s for each in said), said
    assert not finger.find(spoken("complaint"), heard).sure
    assert calls.service.states(msisdn)["10"] == "cancelled"


def calls_greeting(heard: finger.Array) -> list[finger.Found]:
    """The one greeting that was heard; which one depends on the hour."""
    greetings = {
        path.stem: finger.read(path) for path in (PROMPTS / "zh").glob("greeting_*.wav") if path.stem != "greeting_short"
    }
    return [finger.best(heard, greetings)]


def test_a_complaint_holds_what_the_caller_said(calls: Calls, tmp_path: Path) -> None:
    sound = tmp_path / "tone.al"
    sound.write_bytes(tone_alaw(TONE_HZ, 20))
    # 5 cuts the prompt short
    keys = [(1000, "3"), (500, "1"), (500, "5"), (3500, "#")]
    with calls.caller(keys=keys, hang_up_ms=1500, caller="13900000003", sound=sound) as caller:
        assert caller.wait().ok
    opened = calls.await_event("8613900000003", "CaseOpened")
    (made,) = (calls.asterisk.folder / "recordings").glob("*/complaint-*.wav")
    with wave.open(str(made), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
    assert 2.5 < len(samples) / 8000 < 5
    middle = samples[8000:16000]
    assert 0.1 < np.sqrt(np.mean(middle**2)) < 0.9
    assert abs(int(np.argmax(np.abs(np.fft.rfft(middle * np.hanning(8000))))) - TONE_HZ) <= 2
    number = re.search(r"\d{6}", opened["summary"])
    assert number, opened
    eventually(lambda: any(number[0] in text for text in calls.smsc.shown("8613900000003")))
    calls.await_event("8613900000003", "Left")


def test_a_hidden_number_is_proved_by_a_text(calls: Calls) -> None:
    msisdn = calls.subscribed("13900000004", "10", "20")
    before = len(calls.smsc.shown(msisdn))
    with SoftPhone(calls.asterisk) as hidden:
        hidden.dial(NUMBER)
        time.sleep(0.8)
        hidden.press("1", every_s=1.0)
        hidden.press("13900000004#", every_s=0.3)
        text = eventually(lambda: calls.smsc.shown(msisdn)[before:])[0]
        assert calls.service.states(msisdn)["10"] == "active"
        code = re.search(r"(?<!\d)\d{6}(?!\d)", text)
        assert code, text
        hidden.press(code[0] + "#", every_s=0.3)
        time.sleep(0.5)
        hidden.press("111", every_s=0.8)
        eventually(lambda: calls.service.states(msisdn)["10"] == "cancelled", 5.0)
        assert calls.service.states(msisdn)["20"] == "active"
        hidden.hang_up()
    assert {"CodeSent", "CallerProved", "Cancelled"} <= set(kinds(calls, msisdn))
    calls.await_event(msisdn, "Left")


STEPS = ("", "1", "11", "111", "1112", "31", "315", "2", "21", "4", "41", "9", "0")
"""Keys after which a caller hangs up, at once or while he is told something."""


def test_a_hang_up_at_every_step(calls: Calls) -> None:
    numbers = {}
    with ExitStack() as ringing:
        callers = []
        for step, keys in enumerate(STEPS):
            for waits in (40 if keys else 800, 1300):
                number = f"137{step:04}{waits:04}"
                numbers[calls.subscribed(number, "10")] = keys
                pressed = [(500 if at else 1000, key) for at, key in enumerate(keys)]
                callers.append(ringing.enter_context(calls.caller(keys=pressed, hang_up_ms=waits, caller=number)))
        for caller in callers:
            assert caller.wait().ok
    for msisdn, keys in numbers.items():
        calls.await_event(msisdn, "Left")
        done = kinds(calls, msisdn)
        assert done.count("CallStarted") == done.count("Left") == 1, done
        wanted = "cancelled" if keys.startswith("111") else "active"
        assert calls.service.states(msisdn)["10"] == wanted, (keys, done)
    calls.asterisk.await_idle()
    eventually(lambda: metric(calls, "shouwen_ivr_calls") == 0)
    assert calls.service.outbox("dead") == []


# -- agents


def test_an_agent_is_reached_and_the_survey_is_keyed(calls: Calls, phone: SoftPhone) -> None:
    msisdn = f"86{OWN}"
    calls.login("agent1")
    with Agent(calls.asterisk, "agent1", talk_ms=1500):
        phone.dial(NUMBER)
        phone.press("0")
        calls.await_event(msisdn, "Talked", "agent1", 25.0)
        time.sleep(1.0)
        phone.press("5")
        calls.await_event(msisdn, "CallRated")
        phone.await_event("CALL_CLOSED", 15.0)
    done = kinds(calls, msisdn)
    for kind in ("AskedForAgent", "Queued", "AgentRang", "Connected", "Talked", "CallRated"):
        assert kind in done
    calls.await_event(msisdn, "Left")


def test_a_caller_who_hangs_up_on_an_agent_is_asked_by_text(calls: Calls) -> None:
    msisdn = "8613900000005"
    calls.login("agent1")
    with Agent(calls.asterisk, "agent1"), calls.caller(keys=[(1000, "0")], caller="13900000005", hang_up_ms=9500) as caller:
        calls.await_event(msisdn, "Connected", "agent1", 25.0)
        assert caller.wait(20).ok
    calls.await_event(msisdn, "SurveyAsked")
    eventually(lambda: calls.smsc.shown(msisdn))
    calls.smsc.text(msisdn, "5")
    calls.await_event(msisdn, "CallRated", "5")


def test_the_owner_of_an_open_case_rings_first(calls: Calls) -> None:
    number, msisdn = "13900000006", "8613900000006"
    calls.smsc.text(msisdn, "TS 收费不对")
    opened = calls.await_event(msisdn, "CaseOpened")
    found = re.search(r"\d{6}", opened["summary"])
    assert found, opened
    calls.login("agent1")
    calls.login("agent2")
    calls.service.api("POST", f"cases/{found[0]}/take", {"agent": "agent2"})
    with (
        Agent(calls.asterisk, "agent2") as owner,
        Agent(calls.asterisk, "agent1") as other,
        calls.caller(keys=[(1000, "0")], caller=number, hang_up_ms=12_000) as caller,
    ):
        calls.await_event(msisdn, "Connected", "agent2", 20.0)
        assert caller.wait(20).ok
        assert (owner.rung(), other.rung()) == (1, 0)
    calls.await_event(msisdn, "Left")
    assert "Queued" not in kinds(calls, msisdn)


def test_a_call_back(calls: Calls) -> None:
    """Nobody is there: he asks to be called back, and is when an agent logs in."""
    msisdn = f"86{OWN}"
    with SoftPhone(calls.asterisk, ACCOUNT, SECRET) as phone:
        phone.dial(NUMBER)
        phone.press("0", every_s=2.0)
        phone.press("1", every_s=1.0)
        calls.await_event(msisdn, "CallBackAsked")
        phone.hang_up()
    calls.asterisk.await_idle()
    with SoftPhone(calls.asterisk, ACCOUNT, SECRET) as phone, Agent(calls.asterisk, "agent1", talk_ms=1000):
        calls.login("agent1")
        phone.await_event("CALL_ESTABLISHED", 20.0)
        time.sleep(1.5)
        phone.press("1")
        calls.await_event(msisdn, "Connected", "agent1", 20.0)
        calls.await_event(msisdn, "CallBackEnded")
        time.sleep(0.5)
        phone.hang_up()


def test_the_agent_for_a_call_back_is_given_to_nobody_else(calls: Calls) -> None:
    """While the caller is being rung another one rings; the agent is free, and is kept for the first."""
    msisdn, other = f"86{OWN}", "8613900000009"
    before = len(calls.service.timeline(msisdn, "CallBackAsked"))
    with SoftPhone(calls.asterisk, ACCOUNT, SECRET) as phone:
        phone.dial(NUMBER)
        phone.press("0", every_s=2.0)
        phone.press("1", every_s=1.0)
        eventually(lambda: len(calls.service.timeline(msisdn, "CallBackAsked")) > before)
        phone.hang_up()
    calls.asterisk.await_idle()
    with SoftPhone(calls.asterisk, ACCOUNT, SECRET) as phone, Agent(calls.asterisk, "agent1", talk_ms=1000):
        calls.login("agent1")
        phone.await_event("CALL_ESTABLISHED", 20.0)
        assert "call-back" in calls.members()
        with calls.caller(keys=[(1000, "0")], caller=other[2:], hang_up_ms=30_000) as caller:
            calls.await_event(other, "Queued", timeout_s=20.0)
            time.sleep(2.0)
            assert kinds(calls, other)[-1] == "Queued"
            phone.press("1")
            calls.await_event(msisdn, "CallBackEnded", timeout_s=20.0)
            connected = calls.service.timeline(msisdn, "Connected")[-1]
            second = calls.await_event(other, "Connected", "agent1", 20.0)
            assert connected["id"] < second["id"]
            phone.hang_up()
            assert caller.wait(60).ok
    assert "call-back" not in calls.members()
    calls.await_event(other, "Left")


def test_an_agent_whose_phone_is_not_there_is_seen(calls: Calls) -> None:
    def state(name: str) -> str:
        return next(each["state"] for each in calls.service.api("GET", "agents")["agents"] if each["name"] == name)

    for name, endpoint in (("cho", "PJSIP/nobody"), ("dee", f"PJSIP/{NEW_ACCOUNT}")):
        told = calls.service.api("POST", f"agents/{name}/login", {"endpoint": endpoint})
        assert told["state"] == "unreachable", (name, told)
        eventually(lambda name=name: state(name) == "unreachable", 10.0, calls.members)
    assert metric(calls, "shouwen_queue_agents_free") == 0
    with SoftPhone(calls.asterisk, NEW_ACCOUNT, SECRET):
        eventually(lambda: state("dee") == "ready", 10.0, calls.members)
        eventually(lambda: metric(calls, "shouwen_queue_agents_free") == 1, 10.0)
    for name in ("cho", "dee"):
        calls.service.api("POST", f"agents/{name}/logout", {})
    calls.login("agent1")
    assert state("agent1") == "ready"


# -- what breaks in mid-call


def test_the_service_is_killed_in_mid_call(calls: Calls, phone: SoftPhone) -> None:
    calls.login("agent1")
    phone.dial(NUMBER)
    time.sleep(2.0)
    calls.service.kill()
    killed_s = time.monotonic() - phone.answered_at
    eventually(lambda: calls.asterisk.queue_log()[-1][4] == "ENTERQUEUE", 12.0, lambda: calls.asterisk.queue_log()[-3:])
    with Agent(calls.asterisk, "agent1", talk_ms=1000):
        phone.await_event("CALL_CLOSED", 30.0)
    safe = finger.find(spoken("safe"), finger.read(phone.heard()), name="safe")
    assert safe.sure, safe
    assert safe.at_s - killed_s < 3.0
    calls.service.start()
    calls.service.await_ready()
    assert calls.has("agent1")


def test_asterisk_is_restarted_in_mid_call(calls: Calls) -> None:
    msisdn = "8613900000008"
    calls.login("agent1")
    with calls.caller(keys=[(1000, "1")], caller="13900000008", stay_ms=60_000) as caller:
        caller.await_answer()
        time.sleep(1.0)
        calls.asterisk.kill()
        eventually(lambda: "asterisk" in calls.service.ready(), 5.0)
        calls.asterisk.start()
        booted = time.monotonic()
        calls.service.await_ready(5.0)
        eventually(lambda: calls.has("agent1"), 5.0, calls.members)
        assert time.monotonic() - booted < 5.0
    calls.await_event(msisdn, "Left")


def metric(calls: Calls, name: str) -> float:
    """The value of a figure of /metrics."""
    with urllib.request.urlopen(f"{calls.service.base}/metrics", timeout=5) as answer:
        found = re.search(rf"(?m)^{name}(?:{{[^}}]*}})? ([0-9.e+-]+)$", answer.read().decode())
    assert found, name
    return float(found[1])


def tone_alaw(hz: int, seconds: int) -> bytes:
    """A tone in A-law, half as loud as can be."""
    samples = np.sin(np.arange(8000) * 2 * np.pi * hz / 8000) * 16000
    return bytes(alaw(round(float(each))) for each in samples) * seconds


def alaw(sample: int) -> int:
    """One sample of 16 bit in A-law (G.711)."""
    sign, size = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    exponent = max(0, (size >> 8).bit_length())
    mantissa = size >> (exponent + 3) & 0x0F if exponent else size >> 4 & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55
