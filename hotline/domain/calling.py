"""Calls: what the caller is told of himself, what happens in his call, and what follows from it.

First asked: the first agent who speaks with a subscriber after he complained owns the case, and is rung first when he
calls again, until another agent takes it, or it is closed and the subscriber told the result. A transfer changes nothing.
Who is there to be rung is for the edge to know: agents are streams of their own.
Nothing of a subscriber is read or changed for a caller whose number was hidden and not proved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from hotline.domain import call_back, ordering, texting
from hotline.domain import call_commands as cc
from hotline.domain import call_events as ce
from hotline.domain.call_state import OpenCall, OwnedCase, Proof, code_digest
from hotline.domain.commands import Command
from hotline.domain.errors import BadScore, NotProved, TooManyCodes, UnknownCase
from hotline.domain.event import Event
from hotline.domain.msisdn import answerable
from hotline.domain.step import Step
from hotline.domain.subscriber import recent
from hotline.domain.texts import LANGS

MARKS = range(1, 6)
"""Marks for an agent's call, the best last."""
SPOKE = "spoke"
"""A step that tells of a whole talk with an agent after its end, for a call whose events were not seen."""
LONGEST = 200
"""Characters that are kept of what a step says."""


def require_proved(step: Step) -> None:
    """Raise NotProved where it is not known whose stream this is."""
    if not answerable(step.stream):
        raise NotProved


def _begin(step: Step, command: Command, call: str) -> None:
    """What the command records is caused by it; by the call where it has no id."""
    step.cause = command.id or f"call:{call}"


def _to_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


# -- the call begins


def start(step: Step, command: cc.StartCall) -> None:
    """Note a call, unless it is open already; the result is what the dialogue may know of the caller."""
    _begin(step, command, command.call)
    proved = answerable(step.stream) and (command.shown or _has_proved(step, command.call))
    if command.call not in step.state.calls:
        known = proved or not answerable(step.stream)
        lang = command.lang if known and command.lang in LANGS and command.lang != step.state.lang else ""
        step.record(ce.CallStarted(command.call, command.number, command.shown, lang))
    lang = step.state.lang
    step.result = _caller(step) if proved else cc.Caller(lang)


def _has_proved(step: Step, call: str) -> bool:
    proof = step.state.proof
    return proof is not None and proof.call == call and proof.proved


def _caller(step: Step) -> cc.Caller:
    services = tuple(_held(step, code) for code in ordering.held_codes(step))
    return cc.Caller(step.state.lang, services, _asked_first(step), True, step.state.call_back is not None)


def _held(step: Step, code: str) -> cc.Held:
    held, service, fee = step.state.subscriptions[code], step.desk.catalogue.get(code), ordering.fee_of(step, code)
    zh, en = (service.name.of("zh"), service.name.of("en")) if service else (code, code)
    return cc.Held(code, zh, en, held.price_fen, fee.value if fee else "", held.since)


def _asked_first(step: Step) -> cc.CallerCase | None:
    """The newest case that an agent owns, or else the newest; none that was opened too long ago."""
    oldest = step.now - timedelta(days=step.desk.rules.owner_first_days)
    cases = [(number, case) for number, case in step.state.open_cases.items() if case.at > oldest]
    number, case = max(cases, key=_rank, default=("", None))
    return cc.CallerCase(number, case.owner, case.at) if case is not None else None


def _rank(entry: tuple[str, OwnedCase]) -> tuple[bool, datetime]:
    return bool(entry[1].owner), entry[1].at


# -- what happens in it


def note(step: Step, command: cc.NoteCall) -> None:
    """Record what happened in a call; an agent who speaks with the caller owns his cases that nobody owned."""
    open_call = step.state.calls.get(command.call)
    step.cause = str(open_call.event) if open_call and open_call.event else command.id or f"call:{command.call}"
    for each in command.steps:
        if each.what == SPOKE:
            _spoke(step, command.call, each)
            continue
        event = _STEPS.get(each.what, _noted)(command.call, _to_ms(each.at), each)
        event_id = step.record(event)
        if isinstance(event, ce.Connected):
            _connected(step, event, event_id)


def _connected(step: Step, event: ce.Connected, event_id: int) -> None:
    if not event.agent:
        return
    for number, case in step.state.open_cases.items():
        if not case.owner:
            step.record(ce.CaseTaken(number, event.agent, event.call), event_id)
    call_back.end(step, "reached", event_id)


def _spoke(step: Step, call: str, told: cc.CallStep) -> None:
    """Record a talk that the dialplan tells of when it is over, unless AMI's events have told of one in this call."""
    known = step.state.calls.get(call)
    if known is None or known.agent or not told.detail:
        return
    ended = _to_ms(told.at)
    began = ended - timedelta(milliseconds=told.ms or 0)
    talk = ce.Connected(call, began, _short(told.detail), _short(told.cause))
    _connected(step, talk, step.record(talk))
    step.record(ce.Talked(call, ended, talk.agent, "", told.ms))


def _menu(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.MenuEntered(call, at, _short(step.detail))


def _key(call: str, at: datetime, step: cc.CallStep) -> Event:
    menu, _, key = step.detail.rpartition(" ")
    return ce.KeyPressed(call, at, _short(menu), key if len(key) == 1 else "")  # more than one may be a number or a code


def _silence(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.NothingKeyed(call, at, _short(step.detail))


def _language(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.LanguageChosen(call, at, step.detail) if step.detail in LANGS else _noted(call, at, step)


def _prompt_missing(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.PromptMissing(call, at, _short(step.detail))


def _asked_agent(call: str, at: datetime, _step: cc.CallStep) -> Event:
    return ce.AskedForAgent(call, at)


def _diverted(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.Diverted(call, at, _short(step.detail))


def _queued(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.Queued(call, at, _short(step.detail), _short(step.cause))


def _gave_up(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.GaveUp(call, at, _short(step.detail), step.ms)


def _rang(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.AgentRang(call, at, _short(step.detail))


def _unanswered(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.AgentSilent(call, at, _short(step.detail), _short(step.cause), step.ms)


def _talks(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.Connected(call, at, _short(step.detail), _short(step.cause), step.ms)


def _talked(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.Talked(call, at, _short(step.detail), _short(step.cause), step.ms)


def _transferred(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.Transferred(call, at, _short(step.detail), _short(step.cause))


def _recording(call: str, at: datetime, _step: cc.CallStep) -> Event:
    return ce.RecordingBegan(call, at)


def _recorded(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.Recorded(call, at, _short(step.detail), step.ms)


def _noted(call: str, at: datetime, step: cc.CallStep) -> Event:
    return ce.CallNoted(call, at, _short(step.what), _short(step.detail), _short(step.cause), step.ms)


def _short(words: str) -> str:
    return words[:LONGEST]


_STEPS: Mapping[str, Callable[[str, datetime, cc.CallStep], Event]] = {
    "menu": _menu,
    "key": _key,
    "silence": _silence,
    "language": _language,
    "prompt_missing": _prompt_missing,
    "asked_agent": _asked_agent,
    "diverted": _diverted,
    "queued": _queued,
    "gave_up": _gave_up,
    "rang": _rang,
    "unanswered": _unanswered,
    "connected": _talks,
    "talked": _talked,
    "transferred": _transferred,
    "recording": _recording,
    "recorded": _recorded,
}
"""What each kind of step becomes; anything else is a CallNoted."""


def set_language(step: Step, command: cc.SetLanguage) -> None:
    """Write to the caller in the language that he chose."""
    _begin(step, command, command.call)
    if command.lang in LANGS and command.lang != step.state.lang:
        step.record(ce.LanguageChosen(command.call, _to_ms(step.now), command.lang))


# -- cases


def open_case(step: Step, command: cc.OpenCase) -> None:
    """Open a case for what was said; the result is its number. Its text goes out where there is somebody to text."""
    _begin(step, command, command.call)
    step.result = texting.complain(step, command.words, command.channel, command.recording, command.call)


def take_case(step: Step, command: cc.TakeCase) -> None:
    """Make an agent the owner of a case. Raises UnknownCase."""
    case = step.state.open_cases.get(command.case)
    if case is None or not command.agent:
        raise UnknownCase(command.case)
    step.cause = command.id or f"case:{command.case}"
    if case.owner != command.agent:
        step.record(ce.CaseTaken(command.case, command.agent, "", command.by))


def close_case(step: Step, command: cc.CloseCase) -> None:
    """Settle a case: its owner is asked first no more, and the subscriber is told the result. Raises UnknownCase."""
    case = step.state.open_cases.get(command.case)
    if case is None:
        raise UnknownCase(command.case)
    step.cause = command.id or f"case:{command.case}"
    note = " ".join(command.note.split())
    closed = step.record(ce.CaseClosed(command.case, note, case.owner, command.by))
    if answerable(step.stream):
        step.text("case_closed", closed, case=command.case, note=note)


def note_deleted(step: Step, command: cc.NoteDeleted) -> None:
    """Note that a recording is deleted."""
    step.begin(ce.RecordingDeleted(command.file), command.id)


# -- who calls


def send_code(step: Step, command: cc.SendCode) -> None:
    """Text a code to the number that a caller named. Raises NotProved for what is no number, TooManyCodes."""
    require_proved(step)
    most = step.desk.rules.proof_codes_per_hour
    if len(recent(step.state.codes, step.now)) >= most:
        raise TooManyCodes(most)
    _begin(step, command, command.call)
    minutes = step.desk.calls.proof_valid_min
    until = step.now + timedelta(minutes=minutes)
    sent = step.record(ce.CodeSent(command.call, code_digest(command.call, command.code), until))
    step.text("proof_code", sent, code=command.code, minutes=minutes)


def prove(step: Step, command: cc.ProveCaller) -> None:
    """Hold a code that was keyed against the one that was sent; the result is whether it is proved."""
    _begin(step, command, command.call)
    proof = step.state.proof
    step.result = proof is not None and proof.call == command.call and (proof.proved or _keyed(step, proof, command))


def _keyed(step: Step, proof: Proof, command: cc.ProveCaller) -> bool:
    if proof.tries >= step.desk.calls.proof_tries:
        return False
    if step.now > proof.until or code_digest(command.call, command.entered) != proof.digest:
        step.record(ce.CodeWrong(command.call, proof.tries + 1))
        return False
    step.record(ce.CallerProved(command.call))
    return True


# -- the mark, and the end


def rate(step: Step, command: cc.RateCall) -> None:
    """Keep the mark for a call; the first one holds. Raises BadScore."""
    if command.score not in MARKS:
        raise BadScore
    _begin(step, command, command.call)
    call, survey = step.state.calls.get(command.call), step.state.survey
    if call is not None and not call.rated:
        step.record(ce.CallRated(command.call, command.score, command.by, call.agent))
    elif call is None and survey is not None and survey.call == command.call:
        step.record(ce.CallRated(command.call, command.score, command.by, survey.agent))


def end(step: Step, command: cc.EndCall) -> None:
    """Note the end of a call, once; who spoke with an agent and gave no mark is asked for it by text."""
    step.result = ""
    call = step.state.calls.get(command.call)
    if call is None:
        return
    _begin(step, command, command.call)
    at = _to_ms(command.at)
    length = max(at - call.at, timedelta(0)) // timedelta(milliseconds=1)
    left = step.record(ce.Left(command.call, at, _short(command.why), call.agent, length))
    if _wants_mark(step, call):
        asked = step.record(ce.SurveyAsked(command.call, call.agent), left)
        step.text("survey", asked)
        step.result = "survey"


def _wants_mark(step: Step, call: OpenCall) -> bool:
    return bool(call.agent) and not call.rated and step.desk.calls.survey and answerable(step.stream)
