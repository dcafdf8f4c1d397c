"""An event told in words: its one-line summary, what family it belongs to, and its fields with private ones masked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from hotline.domain.catalogue import Catalogue
from hotline.domain.money import yuan
from hotline.domain.msisdn import mask
from hotline.domain.testplan import PREFIX
from hotline.web.ports import OutboxRow, TimelineEvent
from hotline.web.reasons import SmscWords
from hotline.web.staff import StaffTexts

FAMILIES: dict[str, str] = {
    "TextReceived": "mo",
    "SegmentKept": "mo",
    "SegmentsDropped": "mo",
    "MtQueued": "mt",
    "MtAccepted": "mt",
    "MtFailed": "failed",
    "ReceiptReceived": "mt",
    "OfferMade": "order",
    "OfferWithdrawn": "order",
    "ConsentGiven": "consent",
    "ConsentRefused": "consent",
    "Activated": "good",
    "Cancelled": "order",
    "OrderRefused": "failed",
    "UseNoted": "billing",
    "BillingQueued": "billing",
    "Billed": "billing",
    "BillingRefused": "failed",
    "BillingDelayed": "billing",
    "BillingFailed": "failed",
    "CaseOpened": "case",
    "ComplaintRepeated": "case",
    "CaseTaken": "case",
    "CaseClosed": "case",
    "CallStarted": "call",
    "AskedForAgent": "call",
    "Queued": "call",
    "GaveUp": "failed",
    "AgentRang": "call",
    "AgentSilent": "failed",
    "Connected": "good",
    "Talked": "call",
    "Transferred": "call",
    "Left": "call",
    "CallBackAsked": "call",
    "CallBackQueued": "call",
    "CallBackTried": "call",
    "CallBackEnded": "call",
    "CallRated": "good",
    "PromptMissing": "failed",
}
"""The colour of a kind on the timeline; kinds not named here are the desk's own."""

QUIET = frozenset(
    {"WakeSet", "WakeFired", "SegmentKept", "MtAccepted", "MenuEntered", "NothingKeyed", "RecordingBegan", "CallNoted"}
)
"""Kinds that are shown small: they matter only to whoever looks for them."""

PRIVATE = frozenset({"text", "words", "note", "payload"})
"""Fields in a subscriber's or an agent's own words."""
SECRET_TEXTS = frozenset({"proof_code"})
"""Texts, by their key in the catalogue, whose digits prove who somebody is; nobody else is shown them."""


def status_number(status: int, _lang: str) -> str:
    """A command_status of which no more is known."""
    return f"0x{status:02x}"


class ToldEvent(msgspec.Struct, frozen=True):
    """An event ready to be shown: when it was on the zone's calendar and clock, and how deep it lies under its first cause."""

    id: int
    day: str
    clock: str
    kind: str
    family: str
    quiet: bool
    cause: str
    depth: int
    summary: str
    raw: str


class Teller:
    """Puts events and rows into words."""

    def __init__(self, texts: StaffTexts, catalogue: Catalogue, zone: tzinfo, smsc_words: SmscWords = status_number) -> None:
        """Take the words, the services' names, the zone of days and hours, and what SMSCs mean by their statuses."""
        self._texts, self._catalogue, self._zone, self._smsc_words = texts, catalogue, zone, smsc_words
        self.zone = str(zone)

    def summary(self, kind: str, body: dict[str, Any], lang: str, *, reveal: bool) -> str:
        """One line in `lang`; texts and words of people only if `reveal`."""
        shown = without_code(body) if reveal else masked(body)
        fields = _Blank({name: self._word(name, value, lang) for name, value in shown.items()})
        if "code" in body:
            fields["service"] = self._service(body["code"], lang)
        if "codes" in body:
            fields["services"] = ("、" if lang == "zh" else ", ").join(self._service(code, lang) for code in body["codes"])
        if "price_fen" in body:
            fields["price"] = yuan(body["price_fen"])
        if body.get("ms") is not None:
            seconds = f"{body['ms'] / 1000:.1f}"
            fields["took"] = f"，{seconds} 秒" if lang == "zh" else f", {seconds} s"
        line = " ".join(self._texts.template(lang, _variant(kind, body)).format_map(fields).split())
        return _GAP.sub(r"\1", line)

    def told(self, events: Iterable[TimelineEvent], lang: str, *, reveal: bool) -> list[ToldEvent]:
        """Events ready for a page, in their order; depths count only causes among `events`."""
        depths: dict[str, int] = {}
        told = []
        for event in events:
            depths[str(event.id)] = depth = depths[event.cause] + 1 if event.cause in depths else 0
            told.append(self._tell(event, depth, lang, reveal))
        return told

    def _tell(self, event: TimelineEvent, depth: int, lang: str, reveal: bool) -> ToldEvent:
        local = event.at.astimezone(self._zone)
        return ToldEvent(
            id=event.id,
            day=local.date().isoformat(),
            clock=local.strftime("%H:%M:%S"),
            kind=event.kind,
            family=FAMILIES.get(event.kind, "desk"),
            quiet=event.kind in QUIET,
            cause=event.cause,
            depth=min(depth, 6),
            summary=self.summary(event.kind, event.body, lang, reveal=reveal),
            raw=json.dumps(without_code(event.body) if reveal else masked(event.body), ensure_ascii=False, indent=2),
        )

    def row(self, row: OutboxRow, lang: str, *, reveal: bool) -> dict[str, Any]:
        """An outbox row ready for a page."""
        return {
            "id": row.id,
            "number": row.stream if reveal else mask(row.stream),
            "stream": row.stream,
            "plan": row.stream.removeprefix(PREFIX) if row.stream.startswith(PREFIX) else "",
            "channel": row.channel,
            "state": row.state,
            "since": self.when(row.since),
            "day_clock": self.when(row.since)[5:16],
            "reason": self.reason(row.reason, lang),
            "summary": self.summary(row.kind, row.body, lang, reveal=reveal),
        }

    def reason(self, stored: str, lang: str) -> str:
        """Why something was refused (a code) or is a dead letter (a sentence), in `lang`."""
        said = self._texts.word(lang, "reason", stored)
        return said if said != stored else self._texts.reason(lang, stored, self._smsc_words)

    def when(self, at: datetime) -> str:
        """An instant on the zone's calendar and clock, to the second."""
        return at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def clock(self, at: datetime) -> str:
        """An instant on the zone's clock, to the minute."""
        return at.astimezone(self._zone).strftime("%H:%M")

    def _service(self, code: str, lang: str) -> str:
        service = self._catalogue.get(code)
        return f"{service.name.of(lang)} {code}" if service else code

    def _word(self, field: str, value: Any, lang: str) -> str:
        if isinstance(value, dict) and "type" in value:
            said = self._texts.word(lang, field, value["type"])
            return f"{said} {self._service(value['code'], lang)}" if value.get("code") else said
        if isinstance(value, str) and field in ("due", "valid_until", "queued_at", "until"):
            return self.when(datetime.fromisoformat(value))
        if isinstance(value, str) and field == "reason":
            return self.reason(value, lang)
        if isinstance(value, datetime):
            return self.when(value)
        if value is None:
            return ""
        return self._texts.word(lang, field, value) if isinstance(value, str) else str(value)


_DIGIT = re.compile(r"[0-9]")
_GAP = re.compile(r" ([)），。,]|$)")
"""What a blank field leaves behind: a space before a bracket or at the end."""


class _Blank(dict[str, str]):
    """Fields of an event; one that an older event lacks is blank."""

    def __missing__(self, _name: str) -> str:
        return ""


def _variant(kind: str, body: dict[str, Any]) -> str:
    if kind == "ReceiptReceived" and not body.get("mt"):
        return "ReceiptReceived.unmatched"
    if kind == "Cancelled" and not body.get("words"):
        return "Cancelled.elsewhere"
    if kind == "CaseOpened" and body.get("recording"):
        return "CaseOpened.spoken"
    if kind == "TestCallMarked" and body.get("replaced"):
        return "TestCallMarked.replaced"
    return kind


def without_code(body: dict[str, Any]) -> dict[str, Any]:
    """The same fields; of a text that carries a code, without its digits."""
    if body.get("key") not in SECRET_TEXTS or not isinstance(body.get("text"), str):
        return body
    return {**body, "text": _DIGIT.sub("•", body["text"])}


def masked(body: dict[str, Any]) -> dict[str, Any]:
    """The same fields with people's own words replaced by their length and long numbers masked, at every depth."""
    return {name: _masked(name, value) for name, value in body.items()}


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return masked(value)
    if not isinstance(value, str):
        return value
    if name in PRIVATE:
        return f"••• ({len(value)})" if value else ""
    head, dash, rest = value.partition("-")
    if head.isdigit() and len(head) >= 8 and name in ("key", "number", "msisdn", "to"):
        return mask(head) + dash + rest
    return value
