"""The scripts that the dialplan asks for, each one AGI call: hotline, waiting, message, survey, callback, after.

`hotline` answers a call. `waiting` is asked when a caller in the queue pressed a key, has waited too long, or found it full.
`message` takes a message. `survey` follows an agent's call, `callback` asks somebody whom we ring whether he still wants one,
`after` follows the end of any call that a script before did not end. A test call of ours is served by `hotline` alone and leaves
no trace.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from hotline.domain.call_commands import CallStep, EndCall
from hotline.domain.calling import SPOKE
from hotline.domain.errors import BadMsisdn
from hotline.domain.msisdn import msisdn
from hotline.domain.testplan import TestPlan
from ivr.call import Call
from ivr.dialogue import HIDDEN, NotStored, Talk, converse
from ivr.errors import CallEnded
from ivr.flows import AFTER, CALLED_BACK, HOTLINE, PLACE, START, WAITING, test_call
from ivr.house import House
from ivr.menu import HANG_UP, Flow
from ivr.server import STARTED

log = logging.getLogger(__name__)

NUMBER_SHOWN = frozenset(range(32))
"""agi_callingpres below 32 allows the number to be shown (presentation allowed, Q.931 §4.5.10)."""
FULL = frozenset({"FULL", "JOINEMPTY", "JOINUNAVAIL", "NOQUEUE"})
"""What the dialplan calls a queue that did not take the caller."""
ANNOUNCE = "ANNOUNCE"
"""What the dialplan says when a caller in the queue is to be told his place."""
ENTERED = "entered"
"""The stage of a call whose dialogue has not begun."""
ENDED_BY = {"": "desk", "survey": "agent"}
"""Who ended a call, by the stage at which it ended; at all others, the caller."""


class Scripts:
    """What each script does."""

    def __init__(self, house: House) -> None:
        """Take what all calls share."""
        self._house = house
        self._testers = test_call.Testers(house.settings)
        self.table: Mapping[str, Callable[[Call], None]] = {
            "hotline": self._apart(self.hotline, self._test),
            "waiting": self._apart(self.waiting, self._leave_test),
            "message": self._apart(self.message, self._leave_test),
            "survey": self._apart(self.survey, self._leave_test),
            "callback": self.callback,
            "after": self._apart(self.after, self._leave_test),
            "check": self.check,
        }

    def hotline(self, call: Call) -> None:
        """Answer a call and talk until an end."""
        self._go(self._talk(call), HOTLINE, START, greet=True)

    def waiting(self, call: Call) -> None:
        """A caller in the queue wants something else, or has waited too long, or is to be told his place anew."""
        word = next(iter(call.args), "")
        if word == ANNOUNCE:
            self._go(self._talk(call), PLACE, "place")
            return
        talk = self._talk(call)
        talk.heard = word if word in ("1", "2") else ""
        self._go(talk, WAITING, "closed" if word in FULL else "waiting")

    def message(self, call: Call) -> None:
        """Take a message."""
        self._go(self._talk(call), HOTLINE, "complaint_spoken")

    def survey(self, call: Call) -> None:
        """An agent has hung up and the caller is still there."""
        unheard, talk = self._house.unheard(call.id), self._talk(call)
        interface, seconds = [*call.args, "", ""][:2]
        if unheard:
            self._spoke(call, talk, interface, seconds)
        self._go(talk, AFTER, "survey")

    def callback(self, call: Call) -> None:
        """Somebody who asked to be called back has answered; who he is, and since when he waits, our relay has told."""
        self._go(self._talk(call), CALLED_BACK, "call_back")

    def after(self, call: Call) -> None:
        """The call is over: note it, unless AMI has told already. The dialplan tells on a channel of its own whose end it was."""
        stage, dialled, _queued, interface, seconds, _cause, ended = [*call.args, *[""] * 7][:7]
        call.id = ended or call.id
        unheard, talk = self._house.unheard(call.id), self._talk(call)
        self._recall(talk)
        if stage == ENTERED:  # gone before our server had heard of him
            self._meet(talk)
        if unheard and (stage in ("queue", "survey") or (stage == "owner" and dialled == "ANSWER")):
            self._spoke(call, talk, interface if stage != "owner" else "", seconds)
        self._end(talk, ENDED_BY.get(stage, "caller"))

    def check(self, call: Call) -> None:
        """`shouwen check` asks whether this server can be reached from Asterisk."""
        call.set_variable("SHOUWEN_HERE", "yes")

    # -- test calls of ours

    def kind(self, call: Call) -> str:
        """As what a call is counted: a test call as "test", once, each script of all others as "started"."""
        if call.script == "check":  # by which the dialplan sees each second that we are there
            return ""
        if self._plan(call) is None:
            return STARTED
        return "test" if call.script == "hotline" else ""

    def _plan(self, call: Call) -> TestPlan | None:
        """The plan of a test call; whom we call back is none, whatever his number."""
        return None if call.script in ("callback", "check") else self._testers.plan_of(call.env.get("agi_callerid", ""))

    def _apart(self, usual: Callable[[Call], None], test: Callable[[Call, TestPlan], None]) -> Callable[[Call], None]:
        def script(call: Call) -> None:
            plan = self._plan(call)
            usual(call) if plan is None else test(call, plan)

        return script

    def _test(self, call: Call, plan: TestPlan) -> None:
        call.set_variable("TIMEOUT(absolute)", 0)
        call.answer()
        ami = self._house.settings.ami
        talk = Talk(call, self._house, f"{HIDDEN}{call.id}")
        end = test_call.serve(talk, call, plan, ami.secret if ami is not None else "", self._house.now())
        call.set_variable("SHOUWEN_NEXT", "hangup" if end == HANG_UP else end)

    def _leave_test(self, call: Call, _plan: TestPlan) -> None:
        call.set_variable("SHOUWEN_NEXT", "hangup")

    # -- parts

    def _talk(self, call: Call) -> Talk:
        """The dialogue; whose it is, as far as can be told without asking Asterisk."""
        own = self._stream(call)
        prefix = f"{call.id}:{call.script}:{self._house.now().timestamp():.6f}"
        talk = Talk(call, self._house, own, shown=not own.startswith(HIDDEN), prefix=prefix)
        talk.told_lang = call.env.get("agi_language", "")
        return talk

    def _recall(self, talk: Talk) -> None:
        """What a script before has found out is in the channel's variables."""
        call = talk.call
        call.set_variable("TIMEOUT(absolute)", 0)  # by which the dialplan takes a call from a server that says nothing
        if call.script != "hotline":
            talk.stream = call.get_variable("SHOUWEN_STREAM") or talk.stream
            talk.lang = call.get_variable("SHOUWEN_LANG") or ""
            since = call.get_variable("SHOUWEN_SINCE")
            talk.entered_queue = datetime.fromisoformat(since) if since else None
        self._house.register(call.id, talk.stream)

    def _spoke(self, call: Call, talk: Talk, interface: str, seconds: str) -> None:
        """Note with whom the caller has spoken, of which AMI's events have not told; "": with the owner of his case."""
        way = "queue" if interface else "owner"
        if not interface and (call.get_variable("DIALSTATUS") or "") == "ANSWER":
            interface = call.get_variable("SHOUWEN_OWNER") or ""
        if interface:
            ms = int(seconds) * 1000 if seconds.isdecimal() else None
            talk.steps.append(CallStep(self._house.now(), SPOKE, self._house.agent_at(interface), way, ms))

    def _stream(self, call: Call) -> str:
        try:
            if int(call.env.get("agi_callingpres") or 0) in NUMBER_SHOWN:
                return msisdn(call.env.get("agi_callerid", ""), self._house.settings.ivr.country)
        except (BadMsisdn, ValueError):
            pass
        return f"{HIDDEN}{call.id}"

    def _go(self, talk: Talk, flows: Mapping[str, Flow], start: str, *, greet: bool = False) -> None:
        """Talk from `start` to an end; however the caller leaves, his call is ended and its steps are stored."""
        talk.call.after_hangup(talk.flush)
        self._house.talks[talk.call.id] = talk
        try:
            self._recall(talk)
            self._meet(talk)
            if greet:
                self._greet(talk)
            self._leave(talk, converse(talk, flows, start))
        except CallEnded:
            self._gone(talk)
            raise
        finally:
            self._house.talks.pop(talk.call.id, None)

    def _gone(self, talk: Talk) -> None:
        """The connection is gone, and nearly always the caller; where AMI tells of this call, it tells when it has ended.

        The dialplan takes callers away from a server that is silent, and then the call goes on.
        """
        if talk.call.script == "hotline" and talk.caller is None:
            self._meet(talk)  # he went before it was noted that he came
            self._house.register(talk.call.id, talk.stream)
        if self._house.follows(talk.call.id):
            talk.flush()
        else:
            self._end(talk, "caller")

    def _meet(self, talk: Talk) -> None:
        try:
            talk.meet()
        except NotStored:
            log.warning("a call begins while nothing can be stored; the caller can reach an agent")
        talk.lang = talk.lang or "zh"
        talk.tell_language()

    def _greet(self, talk: Talk) -> None:
        house = self._house
        talk.call.answer()
        surge = house.surge(talk.lang) is not None
        talk.say("greeting_short" if surge else f"greeting_{house.calendar.greeting(house.now())}")
        talk.say("language_offer")

    def _leave(self, talk: Talk, end: str) -> None:
        """Tell the dialplan, and whatever script comes next, how to go on; what comes next is told last."""
        talk.flush()
        told = {"SHOUWEN_STREAM": talk.stream, "SHOUWEN_LANG": talk.lang}
        if talk.entered_queue is not None:
            told["SHOUWEN_SINCE"] = talk.entered_queue.isoformat()
        told["SHOUWEN_NEXT"] = "hangup" if end == HANG_UP else talk.goes_to
        for name, value in told.items():
            talk.call.set_variable(name, value)

    def _end(self, talk: Talk, why: str) -> None:
        talk.flush()
        self._house.insist(EndCall(stream=talk.stream, call=talk.call.id, why=why, at=self._house.now()))
