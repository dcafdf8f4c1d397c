"""The linter of flows: the real ones have no problems, and each kind of mistake is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from hotline.domain.texts import LANGS
from ivr.flows import HOTLINE, START, STARTS, WAITING
from ivr.lint import problems_of
from ivr.menu import AGENT, HANG_UP, HOUSE_SAYS, QUEUE, Flow, Menu
from ivr.spoken_keys import offered
from tests.kit.voice import catalogue


def flow(menu: Menu) -> Flow:
    return Flow(menu, lambda _talk: HANG_UP)


MAIN = Menu("main", prompt="main", again="main_again", keys={"1": ("more",)})
MORE = Menu("more", prompt="more", again="more_again", says=("extra",), keys={"1": (HANG_UP,)})
SPOKEN = Menu("more", says=("extra",), leads=(HANG_UP, AGENT))
AGENT_MENU = Menu(AGENT, says=("coming",), leads=(QUEUE,))
SOUND = dict.fromkeys(("main", "main_again", "more", "more_again"), "请按一，人工请按零。")
SOUND |= dict.fromkeys(("extra", "coming", *HOUSE_SAYS), "好的。")


def without(name: str) -> dict[str, str]:
    return {each: words for each, words in SOUND.items() if each != name}


def lint(*menus: Menu, prompts: Mapping[str, Mapping[str, str]] | None = None) -> list[str]:
    """Problems of a small dialogue; `menus` take the place of those of the same name."""
    table = {menu.name: menu for menu in (MAIN, MORE, AGENT_MENU, *menus)}
    return problems_of({name: flow(menu) for name, menu in table.items()}, prompts or {"zh": SOUND}, "main")


@pytest.mark.parametrize(
    ("flows", "start"),
    [*((flows, start) for start, flows in STARTS.items()), (WAITING, "closed"), (HOTLINE, "complaint_spoken")],
)
def test_the_real_flows(flows: Mapping[str, Flow], start: str) -> None:
    found = problems_of(flows, {lang: catalogue().words(lang) for lang in LANGS}, start)
    # from another start, what only the usual one leads to may stay unreached
    assert [line for line in found if start == START or "nothing leads there" not in line] == []


def test_a_flow_is_filed_under_its_menu() -> None:
    for flows in STARTS.values():
        assert all(name == flow.menu.name for name, flow in flows.items())


def test_a_sound_dialogue() -> None:
    assert lint() == []


@pytest.mark.parametrize(
    ("menu", "problem"),
    [
        (replace(MAIN, keys={"1": ("nowhere", "more")}), "menu main: nowhere is neither a menu nor an end"),
        (replace(MAIN, back="nowhere"), "menu main: nowhere is neither a menu nor an end"),
        (replace(MORE, leads=("nowhere",)), "menu more: nowhere is neither a menu nor an end"),
        (replace(MAIN, keys={"12": ("more",)}), "menu main: key '12' is none of 0123456789*#"),
        (replace(MAIN, keys={"A": ("more",)}), "menu main: key 'A' is none of 0123456789*#"),
        (replace(MAIN, keys={"1": ("more",), "0": (AGENT,)}), "menu main: key 0 is kept for the same thing everywhere"),
        (replace(MAIN, keys={"1": ("more",), "#": ("more",)}), "menu main: key # is kept for the same thing everywhere"),
        (replace(MAIN, visits=0), "menu main: visits = 0 is no limit; allowed: 1 to 50"),
        (replace(MAIN, visits=51), "menu main: visits = 51 is no limit; allowed: 1 to 50"),
        (replace(MORE, again=""), "menu more: has no shorter form to say again"),
        (replace(MORE, prompt="", again=""), "menu more: takes keys and says nothing"),
        (Menu("lost", leads=(HANG_UP,)), "menu lost: nothing leads there"),
        (Menu("more", leads=(HANG_UP, AGENT)), "menu more: says nothing"),
        (replace(SPOKEN, leads=(HANG_UP,)), "menu more: 0 does not reach an agent"),
        (replace(SPOKEN, leads=()), "menu more: nothing follows it"),
        (replace(MORE, keys={}), "menu more: nothing follows it"),
        (replace(MAIN, keys={"1": ("more",), "2": ()}), "menu main: key 2 leads nowhere"),
        (replace(SPOKEN, skips=("main",)), "menu more: skips to main, where it does not lead"),
        (replace(SPOKEN, leads=("more", AGENT), skips=("more",)), "menu more: leads back to itself with nothing said"),
        (replace(MAIN, keys={"1": ("more",), "2": ("more",)}), "menu main: prompt main (zh) does not tell of key 2"),
        (replace(MAIN, keys={"1": ("more",), "2": ("more",)}), "menu main: prompt main_again (zh) does not tell of key 2"),
        (replace(MORE, keys={"2": (HANG_UP,)}), "menu more: prompt more (zh) offers key 1, which does nothing there"),
        (replace(AGENT_MENU, leads=()), "menu agent: leads to no end of the dialogue"),
        (replace(MORE, says=("silent",)), "menu more: prompt silent is missing in zh"),
        (replace(MORE, prompt="silent"), "menu more: prompt silent is missing in zh"),
        (replace(MORE, again="silent"), "menu more: prompt silent is missing in zh"),
    ],
)
def test_each_mistake(menu: Menu, problem: str) -> None:
    assert problem in lint(menu)


def test_no_agent_at_all() -> None:
    found = problems_of({"main": flow(MAIN), "more": flow(MORE)}, {}, "main")
    assert "there is no menu agent, so nobody reaches a person" in found
    assert "menu main: agent is neither a menu nor an end" in found


def test_no_start() -> None:
    assert "elsewhere is where a call begins, and no menu" in problems_of({AGENT: flow(AGENT_MENU)}, {}, "elsewhere")


def test_a_language_that_lacks_a_prompt() -> None:
    found = lint(prompts={"zh": SOUND, "en": without("more_again")})
    assert found == ["menu more: prompt more_again is missing in en"]


def test_a_prompt_of_the_house_is_missing() -> None:
    assert lint(prompts={"en": without("trouble")}) == ["every menu: prompt trouble is missing in en"]


def test_a_way_round_several_menus_with_nothing_said() -> None:
    main = replace(MAIN, leads=("more",), skips=("more",))
    assert lint(main, replace(MORE, leads=("main",))) == [], "here something is said between"
    found = lint(main, replace(MORE, leads=("main",), skips=("main",)))
    assert found == [f"menu {name}: leads back to itself with nothing said" for name in ("main", "more")]


def test_what_a_prompt_tells_is_what_the_menu_takes() -> None:
    twice = SOUND | {"main": "咨询请按一，投诉请按一。"}
    assert lint(prompts={"zh": twice}) == ["menu main: prompt main (zh) offers key 1 twice"]
    variant = SOUND | {"extra": "取消请按三，返回请按井号键。"}
    assert lint(prompts={"zh": variant}) == ["menu more: prompt extra (zh) offers key 3, which does nothing there"]
    assert lint(prompts={"zh": SOUND | {"extra": "人工请按零。"}}) == [], "a variant may tell of fewer"
    assert lint(prompts={"zh": SOUND | {"main": "{topics}返回请按井号键。"}}) == [], "topics name their keys"
    assert lint(prompts={"zh": SOUND | {"main": "一号键是咨询。"}}) == [], "words that can't be read are the operator's"


@pytest.mark.parametrize(
    ("words", "lang", "keys"),
    [
        ("查询请按一，人工请按零，再听一遍请按星号键，返回请按井号键。", "zh", "10*#"),
        ("查询请按一，其他请按二到四。", "zh", "1234"),
        ("请按一或二，继续请不要按键。", "zh", "12"),
        ("For questions, press two. For an agent, press zero. To go back, press hash.", "en", "20#"),
        ("Your services, press one. Questions, two. An agent, zero. Anything else, three to five.", "en", "120345"),
        ("Please press one to five. Five is very good, and one or two are not.", "en", "12345"),
        ("Press one or two. Key your number and press hash. Wait, twenty-two will come, one by one.", "en", "12#"),
    ],
)
def test_keys_that_words_offer(words: str, lang: str, keys: str) -> None:
    assert "".join(offered(words, lang)) == keys
