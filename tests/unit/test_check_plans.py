"""What `shouwen check` says of test plans: sounds that nobody has, days without a verdict, alarms that reach nobody."""

from __future__ import annotations

import wave
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from conf.load import parse
from conf.settings import Settings
from hotline.check import check
from hotline.check_plans import Doubtful, PlanWrong, plan_checks
from hotline.desk import calendar_of
from hotline.testcalls.foresight import crowded, too_few
from tests.kit.service import toml
from tests.unit.test_settings_test_calls import AMI, SERVICE, SMSC, plan, text_plan

House = Callable[..., Settings]


def sound(path: Path) -> None:
    """Three seconds of a buzz, which make a template."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(((n * n // 7) % 20_000 - 10_000).to_bytes(2, "little", signed=True) for n in range(24_000)))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Settings with these plans, and further tables, whose greetings are made."""
    for lang in ("zh", "en"):
        sound(tmp_path / f"var/prompts/{lang}/greeting_morning.wav")
        sound(tmp_path / f"var/prompts/{lang}/main.wav")
    sound(tmp_path / "templates/heard.wav")

    def made(*plans: dict[str, Any], **tables: Any) -> Settings:
        usual = {"ami": AMI, "smsc": [SMSC], "service": [SERVICE], "route": [{"name": "a", "sip": "h:1"}], "test_plan": [*plans]}
        return parse(toml(usual | tables), tmp_path)

    return made


def says(settings: Settings) -> list[str]:
    """What the checks say, in order."""
    found = []
    for name, look in plan_checks(settings):
        try:
            found.append(f"ok {name}: {look()}")
        except Doubtful as error:
            found += [f"WARN {name}: {line}" for line in str(error).splitlines()]
        except PlanWrong as error:
            found += [f"FAIL {name}: {line}" for line in str(error).splitlines()]
    return found


def test_all_is_well(house: House, tmp_path: Path) -> None:
    told = {"alarm_to": ["13800000009"], "hook": [{"url": "https://ops.example.com/sesame"}]}
    plans = [plan(), plan(name="own", expect=["heard", "main"], calls_per_hour=0, every_s=60), text_plan(calls_per_hour=20)]
    assert says(house(*plans, testing=told)) == [
        f"ok templates: 1 recording marked as right in {tmp_path}/templates",
        "ok test plan day: calls 10198 by a, 16 an hour; any one of 2 sounds is right",
        "ok test plan own: calls 10198 by a, every 60 s; any one of 3 sounds is right",
        "ok test plan texts: orders and cancels 10 by text through peer, 20 an hour",
        "ok alarms: told to 1 by text; ops.example.com, which was not tried; a drop from 99 to 90 % is one after 57 calls on the"
        " mean",
    ]


def test_no_plan(house: House) -> None:
    assert says(house()) == ["ok test calls: there is no [[test_plan]], so none is made"]


def test_a_sound_that_nobody_has(house: House, tmp_path: Path) -> None:
    line = says(house(plan(expect=["main", "greting_morning"])))[1]
    assert line == (
        'FAIL test plan day: it expects "greting_morning", and no sound has this name, did you mean "greeting_morning"?; there'
        " are heard, greeting_morning, main — name one of them; make them: shouwen prompts build; or put greting_morning.wav into"
        f" {tmp_path}/templates"
    )


def test_no_sound_at_all(tmp_path: Path) -> None:
    tables = {"ami": AMI, "route": [{"name": "a", "sip": "h:1"}], "test_plan": [plan(), plan(name="own", expect=["x"])]}
    _, greeting, own, _ = says(parse(toml(tables), tmp_path))
    assert greeting.startswith("FAIL test plan day: it expects the hotline's greetings, and there is no greeting_….wav in the")
    assert greeting.endswith("var/prompts — make them: shouwen prompts build")
    assert own.startswith('FAIL test plan own: it expects "x", and no sound has this name; there is none at all — ')


def test_a_sound_that_is_none(house: House, tmp_path: Path) -> None:
    (tmp_path / "templates/heard.wav").write_bytes(b"RIFF")
    line = says(house(plan(expect=["heard"])))[1]
    assert line.startswith(f"FAIL test plan day: {tmp_path}/templates/heard.wav: ")
    assert " — record it anew" in line


def test_one_of_several_that_is_none(house: House, tmp_path: Path) -> None:
    (tmp_path / "var/prompts/en/greeting_morning.wav").write_bytes(b"RIFF")
    line = says(house(plan()))[1]
    assert line.startswith(f"WARN test plan day: {tmp_path}/var/prompts/en/greeting_morning.wav: ")


def test_a_folder_that_is_none(house: House, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = says(house(plan(), testing={"templates": "file"}))[0]
    assert line.startswith(f"FAIL templates: {tmp_path}/file can't be read: Not a directory — ")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"calls_per_hour": 15}, "its slots allow 360 calls by 24:00, and 99 % takes 381 without a failure: every day stays"),
        ({"hours": "08:00-18:00", "calls_per_hour": 38}, "its slots allow 380 calls by 18:00"),
        ({"hours": "08:00-18:00", "calls_per_hour": 39}, ""),
        ({"show_by": "18:00", "calls_per_hour": 21}, "its slots allow 378 calls by 18:00"),
        ({"calls_per_hour": 10, "busy_hours": "19:00-22:00", "busy_calls_per_hour": 60}, ""),
        ({"calls_per_hour": 15, "adaptive": True}, "its slots allow 360 calls by 24:00"),
        ({"calls_per_hour": 2, "target": 0.9}, ""),
        ({"calls_per_hour": 1, "target": 0.9}, "its slots allow 24 calls by 24:00, and 90 % takes 35 without a failure"),
        ({"hours": "08:00-09:00", "calls_per_hour": 600, "listen_s": 60}, "at_once = 1 and listen_s = 60 allow 60 calls by"),
        ({"hours": "08:00-09:00", "calls_per_hour": 600, "listen_s": 60, "at_once": 7}, ""),
        ({"days": "off", "calls_per_hour": 15}, "its slots allow 360 calls by 24:00"),
    ],
)
def test_a_day_without_verdict(house: House, fields: dict[str, Any], says: str) -> None:
    settings = house(plan(**fields))
    said = too_few(settings.test_plan[0], calendar_of(settings), date(2026, 11, 25))
    assert said.startswith(says)
    assert bool(said) == bool(says)


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        ({"every_s": 1, "calls_per_hour": 0, "listen_s": 60}, "at_once = 1 and listen_s = 60 let 60 calls an hour through"),
        ({"every_s": 1, "calls_per_hour": 0, "at_once": 60, "listen_s": 60}, ""),
        ({"calls_per_hour": 60, "listen_s": 60}, ""),
        ({"calls_per_hour": 61, "listen_s": 60}, "at_once = 1"),
    ],
)
def test_more_slots_than_calls_have_room(house: House, fields: dict[str, Any], begins: str) -> None:
    settings = house(plan(**fields))
    said = crowded(settings.test_plan[0])
    assert said.startswith(begins)
    assert bool(said) == bool(begins)
    assert (f"WARN test plan day: {said}" in says(settings)) == bool(begins)


def test_days_that_never_come(house: House) -> None:
    every_day = [f"2026-{month:02}-{day:02}" for month, days in ((11, 30), (12, 31)) for day in range(1, days + 1)]
    settings = house(plan(days="off"), hours={"working_days": every_day})
    said = too_few(settings.test_plan[0], calendar_of(settings), date(2026, 11, 25))
    assert said == 'none of the next 31 days has calls: see days = "off" and [hours]'


def test_calls_without_a_manager(house: House) -> None:
    line = says(house(plan(), ami={"secret": "s"}))[1]
    assert line.startswith("ok ")
    tables = {"route": [{"name": "a", "sip": "h:1"}], "test_plan": [plan()]}
    settings = parse(toml(tables), house().ivr.prompts.parents[1])
    assert says(settings)[1] == "WARN test plan day: no call is made without [ami] — set it, or serve without the role testcalls"


def test_alarms_that_reach_nobody(house: House) -> None:
    assert says(house(plan()))[-1].startswith("WARN alarms: nobody is told of them")
    settings = house(plan(), smsc=[], testing={"alarm_to": ["13800000009"]})
    assert says(settings)[-1].startswith("FAIL alarms: numbers are to be told by text, and there is no SMSC — ")


def test_a_doubt_is_no_failure(house: House, tmp_path: Path) -> None:
    """Of all that fails in a house that is not set up, the plan that is in doubt is none."""
    house()
    config = tmp_path / "shouwen.toml"
    config.write_text(toml({"route": [{"name": "a", "sip": "h:1"}], "test_plan": [plan()]}), "utf-8")
    lines: list[str] = []

    class Out:
        def write(self, line: str) -> object:
            return lines.append(line)

        def flush(self) -> object:
            return None

    check(config, Out())
    assert [line[:4] for line in lines if ": no call is made without [ami]" in line] == ["WARN"]
