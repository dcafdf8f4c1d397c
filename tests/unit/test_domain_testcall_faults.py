"""Own faults are codes, which staff read in their language."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from conf.settings import PACKAGED_TEXTS
from hotline.domain.testcall_faults import DETAIL_MOST, Fault


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
