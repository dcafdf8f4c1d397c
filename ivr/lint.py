"""Looks for menus that would trap a caller, before anybody calls.

Refused are: menus that nothing leads to, targets that do not exist, loops that no limit ends, keys that the house keeps for
itself, menus from which 0 does not reach an agent, and prompts that a language does not have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ivr.menu import AGENT, ENDS, HOUSE_KEYS, HOUSE_SAYS, KEYS, Flow, Menu

VISITS_MAX = 50
"""More visits to one menu than this are no limit that a caller would notice."""


def problems_of(flows: Mapping[str, Flow], prompts: Mapping[str, Collection[str]], start: str) -> list[str]:
    """Every mistake, one line each; none means that the dialogue may run.

    Args:
        flows: by the name of their menus.
        prompts: names of the prompts that each language has.
        start: where a call begins.
    """
    menus = {name: flow.menu for name, flow in flows.items()}
    found = [line for menu in menus.values() for line in _of(menu, menus, prompts)]
    for lang, names in prompts.items():
        found += [f"every menu: prompt {name} is missing in {lang}" for name in HOUSE_SAYS if name not in names]
    reached = _reached(menus, start)
    found += [f"{start} is where a call begins, and no menu"] if start not in menus else []
    found += [f"menu {name}: nothing leads there" for name in sorted(menus.keys() - reached)]
    if AGENT not in menus:
        found.append(f"there is no menu {AGENT}, so nobody reaches a person")
    elif not ENDS & _reached(menus, AGENT):
        found.append(f"menu {AGENT}: leads to no end of the dialogue")
    return found


def _of(menu: Menu, menus: Mapping[str, Menu], prompts: Mapping[str, Collection[str]]) -> list[str]:
    where = f"menu {menu.name}"
    found = [f"{where}: {target} is neither a menu nor an end" for target in sorted(menu.targets() - menus.keys() - ENDS)]
    found += [f"{where}: key {key!r} is none of {KEYS}" for key in menu.keys if len(key) != 1 or key not in KEYS]
    found += [f"{where}: key {key} is kept for the same thing everywhere" for key in sorted(HOUSE_KEYS & menu.keys.keys())]
    if not 1 <= menu.visits <= VISITS_MAX:
        found.append(f"{where}: visits = {menu.visits} is no limit; allowed: 1 to {VISITS_MAX}")
    if menu.prompt and not menu.again:
        found.append(f"{where}: has no shorter form to say again")
    if menu.keys and not menu.prompt:
        found.append(f"{where}: takes keys and says nothing")
    if menu.prompt and AGENT not in menu.targets():
        found.append(f"{where}: 0 does not reach an agent")
    said = {name for name in (menu.prompt, menu.again, *menu.says) if name}
    for lang, names in prompts.items():
        found += [f"{where}: prompt {name} is missing in {lang}" for name in sorted(said - set(names))]
    return found


def _reached(menus: Mapping[str, Menu], start: str) -> set[str]:
    """What can be reached from `start`, itself included."""
    reached, ahead = set(), [start]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += menus[name].targets() if name in menus else ()
    return reached
