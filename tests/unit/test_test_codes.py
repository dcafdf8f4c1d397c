"""ivr.test_codes: our hotline's code for test callers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ivr.test_codes import code_of, is_code

AT = datetime(2026, 11, 25, 4, 0, 30, tzinfo=UTC)
WHO = "13900000001"


def test_it_is_four_digits_and_differs_by_secret_caller_and_minute() -> None:
    codes = {code_of("key", WHO, AT + timedelta(minutes=minute)) for minute in range(200)}
    assert all(len(each) == 4 and each.isdecimal() for each in codes)
    assert len(codes) > 180  # of 10,000; a few fall together
    assert code_of("key", WHO, AT) == code_of("key", WHO, AT + timedelta(seconds=29))
    assert code_of("key", WHO, AT) != code_of("other", WHO, AT)
    assert code_of("key", WHO, AT) != code_of("key", "13900000002", AT)


def test_this_minute_and_the_one_before_hold_and_no_others() -> None:
    until = AT + timedelta(seconds=8)
    held = [code_of("key", WHO, AT - timedelta(minutes=back)) for back in range(4)]
    assert [is_code(each, "key", WHO, AT, until) for each in held] == [True, True, False, False]
    assert not is_code(code_of("key", WHO, AT + timedelta(minutes=1)), "key", WHO, AT, until)


def test_a_call_over_the_end_of_a_minute_may_bring_the_next_code() -> None:
    since = AT + timedelta(seconds=25)
    assert is_code(code_of("key", WHO, AT + timedelta(minutes=1)), "key", WHO, since, since + timedelta(seconds=10))


def test_it_may_stand_among_other_digits_but_not_in_part() -> None:
    code = code_of("key", WHO, AT)
    assert is_code(f"1{code}#", "key", WHO, AT, AT)
    assert not is_code(code[:3], "key", WHO, AT, AT)
    assert not is_code("", "key", WHO, AT, AT)
