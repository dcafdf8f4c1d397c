"""Call-backs: a caller who does not want to wait is rung when his turn comes.

One wish is open for each subscriber. Each attempt is a row of the outbox, ordered by when he began to wait, so he keeps his
place; the relay rings no more callers than there are free agents. Between attempts a wake-up waits. Whoever has spoken with an
agent meanwhile is not rung any more; whoever was not reached, or for whom there was no agent, is told so by text.

Every wish ends: attempts that count are few, those that are our own fault come ever later and are limited, too, and time that
agents work is limited, as is all time. So a wish of Friday evening waits over the weekend, and none waits for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hotline.domain import call_commands as cc
from hotline.domain import call_events as ce
from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain.calendar import Calendar
from hotline.domain.call_state import COUNTED, CallBack
from hotline.domain.errors import BadMsisdn, BadOutcome, NotProved
from hotline.domain.msisdn import answerable, mask
from hotline.domain.rules import Rules
from hotline.domain.step import Step

WAKE = "call_back"
"""What a wake-up for the next attempt is for."""
FINAL = frozenset({"reached", "declined"})
"""Outcomes after which there is no other attempt."""
NOT_COUNTED = frozenset({"no_agent", "not_dialled"})
"""Outcomes that are our own fault: they count as no attempt, and the next one comes soon, then later and later."""
OUTCOMES = FINAL | COUNTED | NOT_COUNTED
SOON = timedelta(minutes=1)
"""When an attempt that did not count is made again, for the first time."""


def ask(step: Step, command: cc.AskCallBack) -> None:
    """Take the wish; the result is "taken", or "already" where one is open. Raises NotProved, BadMsisdn."""
    if not answerable(step.stream):
        raise NotProved
    number = command.number
    if not (number.isascii() and number.isdigit() and 3 <= len(number) <= 15):
        raise BadMsisdn(f"can't call back {mask(number)!r}; give 3 to 15 digits")
    step.result = "already"
    if step.state.call_back is None:
        step.result = "taken"
        step.cause = command.id or f"call:{command.call}"
        asked = step.record(ce.CallBackAsked(command.call, str(number), command.queued_at))
        _queue(step, asked)


def _queue(step: Step, cause: int | str = "") -> None:
    wish = step.state.call_back
    if wish is not None:
        step.record(ce.CallBackQueued(wish.number, wish.queued_at, wish.tries + 1, wish.event), cause)


def tried(step: Step, command: cc.NoteCallBack) -> None:
    """Note how an attempt ended: the wish is met, or there is another attempt, or it was the last one. Raises BadOutcome."""
    if command.outcome not in OUTCOMES:
        raise BadOutcome(command.outcome)
    wish = step.state.call_back
    if wish is None or wish.row != command.attempt:
        return
    step.begin(ce.CallBackTried(command.attempt, command.outcome, command.call), str(command.attempt))
    if command.outcome in FINAL:
        step.record(ce.CallBackEnded(command.outcome))
    elif why := _over(step, wish):
        _give_up(step, why)
    else:
        step.record(ev.WakeSet(step.now + _pause(step, wish), WAKE, wish.call, wish.event, wish.tries + 1))


def _pause(step: Step, wish: CallBack) -> timedelta:
    """How long to wait until the next attempt."""
    if not wish.futile:
        return timedelta(minutes=step.desk.calls.call_back_every_min)
    most = timedelta(minutes=step.desk.rules.call_back_futile_wait_min)
    return min(most, SOON * (1 << min(wish.futile - 1, 20)))


def too_old(rules: Rules, calendar: Calendar, since: datetime, now: datetime) -> bool:
    """Whether somebody who waits since then is called back no more: agents have answered for long enough meanwhile."""
    if now - since >= timedelta(days=rules.call_back_longest_days):
        return True
    give_up = timedelta(hours=rules.call_back_give_up_h)
    return now - since >= give_up and calendar.open_time(since, now) >= give_up


def _over(step: Step, wish: CallBack) -> str:
    """Why there is no other attempt, or ""."""
    if wish.tries >= step.desk.calls.call_back_tries:
        return "missed"
    over = wish.futile >= step.desk.rules.call_back_futile_max
    over |= too_old(step.desk.rules, step.desk.calendar, wish.queued_at, step.now)
    return "unserved" if over and not wish.tries else "missed" if over else ""


def _give_up(step: Step, why: str) -> None:
    step.text("call_back_missed" if why == "missed" else "call_back_unserved", step.record(ce.CallBackEnded(why)))


def wake(step: Step, command: cmd.FireWake) -> None:
    """The next attempt is due, unless the wish is another one by now."""
    wish = step.state.call_back
    if wish is None or wish.event != command.of or wish.row:
        return
    if why := _over(step, wish):
        _give_up(step, why)
    else:
        _queue(step)


def end(step: Step, why: str, cause: int | str) -> None:
    """Void the open wish, if there is one, and the attempt that waits."""
    wish = step.state.call_back
    if wish is not None:
        step.record(ce.CallBackEnded(why, wish.row), cause)
