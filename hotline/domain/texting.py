"""What follows from a subscriber's text, by what it means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hotline.domain import commands as cmd
from hotline.domain import events as ev
from hotline.domain import meaning as m
from hotline.domain import ordering
from hotline.domain.call_events import CallRated
from hotline.domain.msisdn import answerable
from hotline.domain.step import Step
from hotline.domain.subscriber import Case, complaint_digest, recent


def receive(step: Step, command: cmd.ReceiveText) -> None:
    """Note the text and answer it."""
    step.begin(ev.TextReceived(command.text, command.meaning, command.smsc, command.number, command.segments), command.id)
    if not command.answerable:
        step.record(ev.AnswerWithheld("not_a_subscriber"))
        return
    _ANSWER[type(command.meaning)](step, command.meaning, command.text)


def _order(step: Step, meaning: m.Order, _text: str) -> None:
    ordering.order(step, meaning.code)


def _confirm(step: Step, meaning: m.Confirm, text: str) -> None:
    ordering.confirm(step, meaning.code, text)


def _refuse(step: Step, meaning: m.Refuse, text: str) -> None:
    if ordering.refuse(step, meaning.code, text):
        return
    held = ordering.held_codes(step)
    codes = held if meaning.code is None else [code for code in held if code == meaning.code]
    if not codes:
        _give_help(step, meaning, text)
    elif len(codes) == 1:
        _ask_back(step, "ask_cancel", name=ordering.name_of(step, codes[0]), code=codes[0])
    else:
        _ask_back(step, "ask_cancel_which")


def _cancel(step: Step, meaning: m.Cancel, text: str) -> None:
    ordering.cancel(step, meaning.code, text)


def _cancel_all(step: Step, _meaning: m.CancelAll, text: str) -> None:
    ordering.cancel_all(step, text)


def _list(step: Step, _meaning: m.ListServices, _text: str) -> None:
    codes = ordering.held_codes(step)
    if not codes:
        step.idle_text("list_empty")
        return
    if not step.withheld():
        step.text("list", "", True, count=len(codes), items="".join(_list_item(step, code) for code in codes))


def _list_item(step: Step, code: str) -> str:
    texts, lang, price = step.desk.texts, step.state.lang, step.state.subscriptions[code].price_fen
    if price:
        return texts.item(lang, "list_item", **ordering.priced(step, code, price))
    return texts.item(lang, "list_item_free", name=ordering.name_of(step, code), code=code)


def _complain(step: Step, meaning: m.Complain, _text: str) -> None:
    if not meaning.words:
        _ask_back(step, "complaint_empty")
        return
    complain(step, meaning.words, "sms")


def complain(step: Step, words: str, channel: str, recording: str = "", call: str = "") -> str:
    """Open a case for a complaint, or join an open one (see _joined); returns the case's number.

    A spoken one has the sound file `recording` and the id of its `call`. Nobody is texted where no number is known.
    """
    case, reachable = _joined(step, words), answerable(step.stream)
    if case is not None:
        repeated = step.record(ev.ComplaintRepeated(case.number, recording, call))
        if reachable:
            step.idle_text("complaint_repeated", repeated, case=case.number)
        return case.number
    number = f"{step.next_id():06d}"
    opened = step.record(ev.CaseOpened(number, words, channel, recording, call))
    if reachable:
        key = "complaint_by_voice" if channel == "voice" else "complaint_received"
        step.text(key, opened, case=number, days=step.desk.rules.complaint_answer_working_days)
    return number


def _joined(step: Step, words: str) -> Case | None:
    """The case that the same words opened, or the newest one after too many in an hour; None if a new one is due.

    What was spoken has no words yet, and so is never the same.
    """
    digest, rules = complaint_digest(words), step.desk.rules
    oldest = step.now - timedelta(hours=rules.same_complaint_h)
    cases = [case for case in step.state.cases.values() if case.at > oldest]
    for case in cases:
        if words and case.digest == digest:
            return case
    newest = cases[-1] if cases else None
    return newest if len(recent([case.at for case in cases], step.now)) >= rules.complaints_per_hour else None


def _choice(step: Step, meaning: m.Choice, text: str) -> None:
    question = step.state.question
    if _is_mark(step, meaning.number):
        _take_mark(step, meaning.number)
    elif question is None or question.at + step.desk.rules.question_valid < step.now:
        _ask_back(step, "ask_either")
    elif not 1 <= meaning.number <= len(question.codes):
        _ask_back(step, "choice_unknown", count=len(question.codes))
    else:
        ordering.cancel(step, question.codes[meaning.number - 1], text)


def _is_mark(step: Step, number: int) -> bool:
    """Whether a number is the mark for an agent's call that was asked for by text, and can answer nothing else.

    A numbered list that came later, or still holds, has the number; so that a late answer to a list is no mark, even one that
    no longer holds.
    """
    survey, question, rules = step.state.survey, step.state.question, step.desk.rules
    if survey is None or not 1 <= number <= 5 or survey.at + timedelta(hours=rules.survey_answer_h) < step.now:
        return False
    return question is None or (question.at < survey.at and question.at + rules.question_valid < step.now)


def _take_mark(step: Step, score: int) -> None:
    survey = step.state.survey
    if survey is not None:
        step.text("survey_thanks", step.record(CallRated(survey.call, score, "text", survey.agent)))


def _unclear(step: Step, meaning: m.Unclear, _text: str) -> None:
    code = meaning.codes[0] if len(meaning.codes) == 1 else None
    if meaning.wanted == "either":
        _ask_back(step, "ask_either")
    elif code is None or code not in step.desk.catalogue:
        _ask_back(step, f"ask_{meaning.wanted}_which")
    else:
        _ask_back(step, f"ask_{meaning.wanted}", name=ordering.name_of(step, code), code=code)


def _ask_back(step: Step, key: str, **words: str | int) -> None:
    if len(recent(step.state.asked, step.now)) >= step.desk.rules.asks_per_hour:
        step.record(ev.AnswerWithheld("ask_limit"))
        return
    step.text(key, step.record(ev.AskedBack()), **words)


def _give_help(step: Step, _meaning: Any, _text: str) -> None:
    if len(recent(step.state.helped, step.now)) >= step.desk.rules.help_per_hour:
        step.record(ev.AnswerWithheld("help_limit"))
        return
    step.text("help", step.record(ev.HelpGiven()))


_ANSWER: dict[type[Any], Callable[[Step, Any, str], None]] = {
    m.Order: _order,
    m.Confirm: _confirm,
    m.Refuse: _refuse,
    m.Cancel: _cancel,
    m.CancelAll: _cancel_all,
    m.ListServices: _list,
    m.Complain: _complain,
    m.Help: _give_help,
    m.Choice: _choice,
    m.Unclear: _unclear,
    m.Unknown: _give_help,
}
