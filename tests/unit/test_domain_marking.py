"""A call's recording that a person marks as right."""

from __future__ import annotations

import pytest

from hotline.domain import testcall_commands as tc
from hotline.domain import testcall_events as te
from hotline.domain.errors import TestCallRefused
from tests.kit.plans import START, plans_desk
from tests.kit.subject import Subject
from tests.unit.test_domain_testcalls import STREAM, dial, end


def mark(attempt: Subject, by: str = "amy") -> None:
    attempt.do(tc.MarkRecording(stream=STREAM, name="evening", by=by, replaced=True))


def test_it_is_noted_who_marked_it() -> None:
    attempt = Subject(plans_desk(), START, stream=STREAM)
    dial(attempt)
    with pytest.raises(TestCallRefused, match="has not ended"):
        mark(attempt)
    end(attempt, "answered-wrong-prompt")
    with pytest.raises(TestCallRefused, match="who"):
        mark(attempt, by=" ")
    mark(attempt)
    assert attempt.last[0][1] == te.TestCallMarked("evening", "amy", True)
    assert attempt.state.ending == "answered-wrong-prompt"
