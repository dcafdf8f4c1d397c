"""Own faults are codes, which staff read in their language."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from conf.settings import PACKAGED_TEXTS
from hotline.domain.testcall_faults import DETAIL_MOST, Fault
from hotline.reports.words import load_words
from hotline.web.staff import load_staff_texts


def texts(name: str) -> Any:
    return tomllib.loads((PACKAGED_TEXTS / name).read_text("utf-8"))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_fault_has_words_on_reports_and_on_the_timeline(lang: str) -> None:
    codes = {each.value for each in Fault}
    assert codes <= texts(f"reports.{lang}.toml")["why"].keys()
    assert codes <= texts(f"staff.{lang}.toml")["words"]["why"].keys()


def test_what_a_machine_said_stands_behind_the_code() -> None:
    assert Fault.NO_ROUTE.of("mobile") == "no_route: mobile"
    assert len(Fault.REFUSED.of("x" * 1000)) == DETAIL_MOST


@pytest.mark.parametrize(("lang", "said"), [("zh", "Asterisk 拒绝拨号: no such context"), ("en", None)])
def test_the_code_is_worded_and_the_machine_s_words_stay(lang: str, said: str | None) -> None:
    why = Fault.REFUSED.of("no such context")
    on_report = load_words(PACKAGED_TEXTS)[lang].of("why", why)
    on_timeline = load_staff_texts(PACKAGED_TEXTS).word(lang, "why", why)
    assert on_report == (said or on_report)
    for each in (on_report, on_timeline):
        assert each.endswith(": no such context")
        assert not each.startswith("dial_refused")


def test_what_is_no_code_is_told_as_it_is() -> None:
    assert load_words(PACKAGED_TEXTS)["zh"].of("why", "strange: it") == "strange: it"
