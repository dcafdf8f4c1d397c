"""Every menu of the hotline, one a file, and where a call begins."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.flows import (
    agent,
    call_back,
    cancel,
    closed,
    complaint,
    consultation,
    identify,
    main_menu,
    my_services,
    place,
    support,
    survey,
    waiting,
)
from ivr.menu import Flow

START = main_menu.MENU.name

HOTLINE: Mapping[str, Flow] = {
    flow.menu.name: flow
    for flow in (
        main_menu.FLOW,
        my_services.FLOW,
        cancel.FLOW,
        consultation.FLOW,
        complaint.FLOW,
        complaint.SPEAK,
        support.FLOW,
        identify.FLOW,
        agent.FLOW,
        closed.FLOW,
    )
}
"""The dialogue that answers a call."""

WAITING: Mapping[str, Flow] = {waiting.FLOW.menu.name: waiting.FLOW, **HOTLINE}
"""The dialogue with a caller in the queue."""
PLACE: Mapping[str, Flow] = {place.FLOW.menu.name: place.FLOW, **WAITING}
"""The same, when he is told his place anew."""
AFTER: Mapping[str, Flow] = {survey.FLOW.menu.name: survey.FLOW, **HOTLINE}
"""The dialogue after an agent's call; 0 still reaches an agent."""
CALLED_BACK: Mapping[str, Flow] = {call_back.FLOW.menu.name: call_back.FLOW, **HOTLINE}
"""The dialogue with somebody who asked to be called back, and has answered."""

STARTS: Mapping[str, Mapping[str, Flow]] = {
    START: HOTLINE,
    waiting.FLOW.menu.name: WAITING,
    place.FLOW.menu.name: PLACE,
    survey.FLOW.menu.name: AFTER,
    call_back.FLOW.menu.name: CALLED_BACK,
}
"""Where a dialogue can begin, and the menus that it then has; the linter looks at each."""
