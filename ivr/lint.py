"""Looks for menus that would trap a caller, before anybody calls.

Refused are: menus that nothing leads to or that lead nowhere, targets that do not exist, loops that no limit ends or in which
nothing is said, keys that the house keeps for itself or that lead nowhere, menus from which 0 does not reach an agent, prompts
that a language does not have, and prompts that offer other keys than their menu takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ivr.menu import AGENT, ENDS, HOUSE_KEYS, HOUSE_SAYS, KEYS, QUEUE, Flow, Menu
from ivr.spoken_keys import offered

VISITS_MAX = 50
"""More visits to one menu than this are no limit that a caller would notice."""
ANY_KEY = "{topics}"
"""In words it stands for choices of the settings, which name their keys themselves."""

Prompts = Mapping[str, Mapping[str, str]]
"""The words of each prompt, by language and name."""


def problems_of(flows: Mapping[str, Flow], prompts: Prompts, start: str) -> list[str]:
    """Every mistake, one line each; none means that the dialogue may run.

    Args:
        flows: by the name of their menus.
        prompts: what each language has.
        start: where a call begins.
    """
    menus = {name: flow.menu for name, flow in flows.items()}
    found = [line for menu in menus.values() for line in (*_of(menu, menus), *_said(menu, prompts))]
    for lang, words in prompts.items():
        found += [f"every menu: prompt {name} is missing in {lang}" for name in HOUSE_SAYS if name not in words]
    reached = _reached(menus, start)
    found += [f"{start} is where a call begins, and no menu"] if start not in menus else []
    found += [f"menu {name}: nothing leads there" for name in sorted(menus.keys() - reached)]
    found += [f"menu {name}: leads back to itself with nothing said" for name in sorted(menus) if _silently_round(menus, name)]
    if AGENT not in menus:
        found.append(f"there is no menu {AGENT}, so nobody reaches a person")
    elif not ENDS & _reached(menus, AGENT):
        found.append(f"menu {AGENT}: leads to no end of the dialogue")
    return found


def _of(menu: Menu, menus: Mapping[str, Menu]) -> list[str]:
    where = f"menu {menu.name}"
    found = [f"{where}: {target} is neither a menu nor an end" for target in sorted(menu.targets() - menus.keys() - ENDS)]
    found += [f"{where}: key {key!r} is none of {KEYS}" for key in menu.keys if len(key) != 1 or key not in KEYS]
    found += [f"{where}: key {key} is kept for the same thing everywhere" for key in sorted(HOUSE_KEYS & menu.keys.keys())]
    found += [f"{where}: key {key} leads nowhere" for key, targets in menu.keys.items() if not targets]
    found += [f"{where}: skips to {target}, where it does not lead" for target in sorted({*menu.skips} - {*menu.leads})]
    if not 1 <= menu.visits <= VISITS_MAX:
        found.append(f"{where}: visits = {menu.visits} is no limit; allowed: 1 to {VISITS_MAX}")
    if not menu.keys and not menu.leads:
        found.append(f"{where}: nothing follows it")
    if menu.name != AGENT and not {AGENT, QUEUE} & menu.targets():
        found.append(f"{where}: 0 does not reach an agent")
    return found


def _said(menu: Menu, prompts: Prompts) -> Iterator[str]:
    """Mistakes in what a menu says."""
    where = f"menu {menu.name}"
    if not menu.prompt and not menu.says:
        yield f"{where}: says nothing"
    if menu.prompt and not menu.again:
        yield f"{where}: has no shorter form to say again"
    if menu.keys and not menu.prompt:
        yield f"{where}: takes keys and says nothing"
    said = {name for name in (menu.prompt, menu.again, *menu.says) if name}
    for lang, words in prompts.items():
        for name in sorted(said):
            if name not in words:
                yield f"{where}: prompt {name} is missing in {lang}"
            elif menu.keys:
                yield from _offered(menu, name, lang, words[name])


def _offered(menu: Menu, name: str, lang: str, words: str) -> Iterator[str]:
    """Keys that a prompt offers in vain, twice, or does not tell of. Variants among `says` may tell of fewer."""
    where, named = f"menu {menu.name}: prompt {name} ({lang})", offered(words, lang)
    for key in sorted({*named} - menu.keys.keys() - HOUSE_KEYS):
        yield f"{where} offers key {key}, which does nothing there"
    for key in sorted({key for key in named if named.count(key) > 1}):
        yield f"{where} offers key {key} twice"
    if name in (menu.prompt, menu.again) and ANY_KEY not in words and named:  # words that we can't read are the operator's
        for key in sorted(menu.keys.keys() - {*named}):
            yield f"{where} does not tell of key {key}"


def _reached(menus: Mapping[str, Menu], start: str) -> set[str]:
    """What can be reached from `start`, itself included."""
    reached, ahead = set(), [start]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += menus[name].targets() if name in menus else ()
    return reached


def _silently_round(menus: Mapping[str, Menu], start: str) -> bool:
    """Whether a call may come from `start` back to it without a word."""
    seen, ahead = set[str](), [*menus[start].skips]
    while ahead:
        name = ahead.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            ahead += menus[name].skips if name in menus else ()
    return False
