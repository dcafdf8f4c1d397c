"""A menu as data: what is said, which keys it takes, and where each may lead; the linter reads the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ivr.dialogue import Talk

AGENT_KEY, LANGUAGE_KEY, AGAIN_KEY, BACK_KEY = "0", "9", "*", "#"
"""What these keys do is the same in every menu."""
HOUSE_KEYS = frozenset({AGENT_KEY, LANGUAGE_KEY, AGAIN_KEY, BACK_KEY})
KEYS = "0123456789*#"
HOUSE_SAYS = (
    *("greeting_morning", "greeting_afternoon", "greeting_evening", "greeting_new_year", "greeting_short", "language_offer"),
    *("language_changed", "no_input", "invalid", "trouble", "farewell", "farewell_new_year"),
)
"""Prompts that may be said in any menu, before the first, or after the last."""

AGENT = "agent"
"""The flow that takes a caller to a person; every menu's 0 leads there."""
HANG_UP, QUEUE = "hang_up", "queue"
"""Ends of the dialogue: the farewell was said; the dialplan goes on with the queue."""
ENDS = frozenset({HANG_UP, QUEUE})


@dataclass(frozen=True, slots=True)
class Menu:
    """A place in the dialogue.

    Attributes:
        name: of the menu, as the timeline shows it.
        prompt: said on entering; "" for a place that asks nothing.
        again: the shorter form, said after silence or a wrong key.
        keys: which key may lead to which menus or ends.
        leads: where it may lead without a key, as when there is nothing to choose from.
        skips: those of `leads` where it may go before anything is said.
        says: further prompts said here.
        back: where # leads.
        visits: how often one call may come here; after that an agent is called.
    """

    name: str
    prompt: str = ""
    again: str = ""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leads: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    back: str = "main"
    visits: int = 10

    def targets(self) -> frozenset[str]:
        """Every menu or end that may follow."""
        keyed = {target for targets in self.keys.values() for target in targets}
        asks = {AGENT, self.back} if self.prompt else set()
        return frozenset(keyed | set(self.leads) | asks)


@dataclass(frozen=True, slots=True)
class Flow:
    """A menu and what happens there: `visit` talks to the caller and returns the name of what follows."""

    menu: Menu
    visit: Callable[[Talk], str]


class Diverted(Exception):
    """The caller goes elsewhere than the menu at hand would lead; `target` is a menu or an end."""

    def __init__(self, target: str, why: str) -> None:
        """Go to `target`; `why` is asked, back, silent, wrong or lost."""
        super().__init__(target, why)
        self.target, self.why = target, why


def prompts_of(menus: Sequence[Menu]) -> set[str]:
    """The names of all prompts that these menus say."""
    return {name for menu in menus for name in (menu.prompt, menu.again, *menu.says) if name}
