"""The rules with figures, each a named setting with its source; the `[rules]` table of shouwen.toml."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec

from hotline.domain.rates.sequential import Limits as Watching
from hotline.domain.rates.sequential import design

Count = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Hours = Annotated[int, msgspec.Meta(ge=1, le=24 * 366)]


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures that govern what a subscriber's text may do.

    Attributes:
        offer_valid_h: hours of silence after which an unanswered offer is withdrawn; no answer never
            orders. Source: second confirmation, MII notice of 20 Apr 2004; the 24 h are our choice.
        help_per_hour: help texts one subscriber gets in any 60 minutes, so that two robots stop. Ours.
        asks_per_hour: times in any 60 minutes that a near miss of one subscriber is asked back. Ours.
        answers_per_hour: answers within an hour, from the first, to texts of one subscriber that change nothing,
            such as a list, or an order of what is there; what changes something is always answered. Ours.
        question_valid_min: minutes for which the number answering a numbered list is understood. Ours.
        first_charge_after_h: hours from activation to the first monthly charge, in which the reminders
            are sent and cancelling costs nothing. Ours.
        reminders_before_first_charge: texts that name price and way out before the first monthly
            charge. Source: operator policy of July 2006 (two).
        complaint_answer_working_days: working days within which a complaint is answered.
            Source: operator promise (five).
        same_complaint_h: hours in which the same words again join the case that is open. Ours.
        complaints_per_hour: cases that one subscriber opens in any 60 minutes; further complaints join the newest.
            As many are remembered when the same words come again. Ours.
        records_kept_months: months for which texts and consents are kept; at least five.
            Source: MII 2004 (five months); the 24 are our choice.
        segment_wait_s: seconds for which parts of a long text wait for the missing ones. Ours.
        segmented_texts_max: unfinished long texts kept for one subscriber; the oldest goes first. Ours.
        receipt_wait_h: hours for which a delivery receipt is still matched to its message. Ours.
        receipts_max: messages of one subscriber that can wait for receipts at once. Ours.
        mt_valid_h: hours for which an undeliverable answer is tried before it becomes a dead letter. Ours.
        owner_first_days: days from the opening of a case for which the agent who owns it is rung first when the subscriber
            calls. Source: a complaint is answered within 15 days, order 35 of 2016.
        open_cases_max: open cases of one subscriber whose owners are remembered; the oldest goes first. Ours.
        calls_max: calls of one subscriber that can be open at once; the oldest is forgotten for one more. Ours.
        survey_answer_h: hours for which a digit that is texted is the mark for an agent's call. Ours.
        proof_codes_per_hour: codes that are texted to one number in any 60 minutes for callers who name it. Ours.
        call_back_give_up_h: hours in which agents answer, after which a call-back ends that had no agent, or could not be
            dialled. Ours.
        call_back_longest_days: days after which it ends in any case; longer than any holidays. Ours.
        call_back_futile_max: attempts in a row that had no agent, or could not be dialled, after which it ends. Ours.
        call_back_futile_wait_min: minutes to wait after such an attempt at most; 1 after the first, then twice as long each
            time. Ours.
    """

    offer_valid_h: Hours = 24
    help_per_hour: Count = 3
    asks_per_hour: Count = 10
    answers_per_hour: Count = 200
    question_valid_min: Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60)] = 60
    first_charge_after_h: Hours = 72
    reminders_before_first_charge: Annotated[int, msgspec.Meta(ge=0, le=10)] = 2
    complaint_answer_working_days: Annotated[int, msgspec.Meta(ge=1, le=15)] = 5
    same_complaint_h: Hours = 24
    complaints_per_hour: Count = 10
    records_kept_months: Annotated[int, msgspec.Meta(ge=5, le=240)] = 24
    segment_wait_s: Annotated[int, msgspec.Meta(ge=10, le=7 * 86400)] = 3600
    segmented_texts_max: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    receipt_wait_h: Hours = 72
    receipts_max: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    mt_valid_h: Hours = 48
    owner_first_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 15
    open_cases_max: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    calls_max: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    survey_answer_h: Hours = 24
    proof_codes_per_hour: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    call_back_give_up_h: Hours = 24
    call_back_longest_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 15
    call_back_futile_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    call_back_futile_wait_min: Annotated[int, msgspec.Meta(ge=1, le=24 * 60)] = 60

    @property
    def offer_valid(self) -> timedelta:
        """How long an offer stays open."""
        return timedelta(hours=self.offer_valid_h)

    @property
    def question_valid(self) -> timedelta:
        """How long a numbered list may be answered."""
        return timedelta(minutes=self.question_valid_min)


class CallRules(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of calls that stand in other tables of the settings: [queue] and [ivr].

    Attributes:
        survey: whether callers are asked for a mark by text after an agent's call.
        call_back_tries: attempts to reach a caller.
        call_back_every_min: minutes between them.
        proof_tries: wrong codes that may be keyed.
        proof_valid_min: minutes for which a code holds.
    """

    survey: bool = True
    call_back_tries: int = 3
    call_back_every_min: int = 15
    proof_tries: int = 3
    proof_valid_min: int = 10


USUAL_CALLS_PER_MONTH = 12_000
"""About as many as show 99 % each day."""


class TestingRules(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of test calls, which stand in [testing].

    Attributes:
        grace_s: seconds after which a slot that was not dialled is missed.
        unmeasured_s: seconds without a call that counts after which staff are told.
        watch: the sequential test that sounds the alarm.
    """

    __test__ = False

    grace_s: int = 60
    unmeasured_s: int = 900
    watch: Watching = msgspec.field(default_factory=lambda: design(USUAL_CALLS_PER_MONTH))
