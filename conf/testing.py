"""Settings of test calls: `[[route]]` and `[testing]`; a `[[test_plan]]` is `hotline.domain.testplan.TestPlan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from conf.values import Secret, Url
from hotline.domain.testplan import Label

Number = Annotated[str, Meta(pattern=r"^[0-9]{5,15}\Z", description="5 to 15 digits with the country code, in quotes")]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One `[[route]]`: a way out for test calls.

    Attributes:
        name: what plans and reports call it.
        endpoint: an existing PJSIP endpoint; "": one is written for `sip`.
        sip: address of the other side's SIP, "host:port"; "": `endpoint` says it.
    """

    name: Label
    endpoint: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{0,40}\Z", description="the name of a PJSIP endpoint")] = ""
    sip: Annotated[str, Meta(pattern=r"^([^\s/@;,]{1,255}:[0-9]{1,5})?\Z", description='"host:port"')] = ""

    @property
    def channel(self) -> str:
        """The PJSIP endpoint that calls go out by."""
        return self.endpoint or f"route-{self.name}"


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """An address that alarms are posted to, as JSON.

    Attributes:
        url: where to.
        secret: key of the HMAC-SHA256 in the header Shouwen-Signature; None: none is sent.
    """

    url: Url
    secret: Secret | None = None


class Testing(msgspec.Struct, frozen=True, kw_only=True):
    """The `[testing]` table.

    Attributes:
        grace_s: seconds after which a slot that was not dialled is missed, and never dialled late.
        calls_at_once: test calls that a process has under way at once, of all plans.
        templates: folder of recordings that staff marked as right, NAME.wav; a plan's `expect` may name them.
        keep_recordings_days: days after which recordings of test calls are deleted.
        agent_within_s: the T of the agent rate. Source: China Unicom SP rules in force 1 Apr 2007.
        agent_target: what the agent rate is compared with. Source: the same (80 %).
        alarm_calls_per_month: valid test calls a month, of all plans, for which at most one false alarm is accepted; 0: as many
            as the plans have slots.
        unmeasured_s: seconds without a test call that counts after which staff are told that a plan measures nothing; at least
            three of its slots must have passed.
        alarm_to: numbers that are told of alarms by text.
        hook: addresses that alarms are posted to.
    """

    __test__ = False

    grace_s: Annotated[int, Meta(ge=1, le=3600)] = 60
    calls_at_once: Annotated[int, Meta(ge=1, le=1000)] = 50
    templates: Path = Path("templates")
    keep_recordings_days: Annotated[int, Meta(ge=1, le=3650)] = 62
    agent_within_s: Annotated[int, Meta(ge=1, le=600)] = 20
    agent_target: Annotated[float, Meta(gt=0, lt=1)] = 0.80
    alarm_calls_per_month: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    unmeasured_s: Annotated[int, Meta(ge=60, le=86_400)] = 900
    alarm_to: tuple[Number, ...] = ()
    hook: tuple[Hook, ...] = ()
