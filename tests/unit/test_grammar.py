"""What texts mean: a labelled corpus, the rules that hold for every text, and the words file."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import opencc
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hotline.domain import meaning as m
from hotline.domain.catalogue import Names, Service
from sms.grammar import LONGEST_READ, Grammar
from sms.misses import Misses
from sms.near import Nearby, within_one
from sms.normalise import number, original_end, phrase, plain
from sms.words import Words, WordsWrong, load_words

ROOT = Path(__file__).parents[2]
WORDS_FILE = (ROOT / "conf" / "texts" / "words.toml").read_bytes()
WORDS = load_words(WORDS_FILE)


def service(code: str, zh: str, en: str, *aliases: str) -> Service:
    return Service(code=code, name=Names(zh=zh, en=en), price_fen=200, aliases=aliases)


SERVICES = [
    service("10", "天气预报", "Weather", "天气"),
    service("11", "每日笑话", "Daily jokes", "笑话", "jokes"),
    service("12", "彩铃", "Ring-back tone"),
    service("20", "健康知识", "Health tips"),
    service("101", "新闻早报", "Morning news", "新闻", "news"),
]
GRAMMAR = Grammar(WORDS, SERVICES)


def unescaped(text: str) -> str:
    return re.sub(r"\\(?:n|t|x[0-9a-f]{2}|u[0-9a-f]{4})", lambda match: match.group().encode().decode("unicode_escape"), text)


SIMPLE: dict[str, Callable[[str | None], m.Meaning]] = {
    "cancel_all": m.CancelAll,
    "list": m.ListServices,
    "help": m.Help,
    "unknown": m.Unknown,
}
CODED: dict[str, Callable[[str | None, str | None], m.Meaning]] = {"confirm": m.Confirm, "refuse": m.Refuse, "cancel": m.Cancel}


def expected(label: str) -> m.Meaning:
    head, _, words = label.partition("|")
    kind, *values = head.split(" ")
    first, *rest = [None if value == "-" else value for value in values]
    lang = rest[-1] if rest else first
    if kind in SIMPLE:
        return SIMPLE[kind](lang)
    if kind in CODED:
        return CODED[kind](first, lang)
    if kind == "complain":
        return m.Complain(unescaped(words), lang)
    assert first is not None
    if kind == "choice":
        return m.Choice(int(first))
    if kind == "unclear":
        return m.Unclear(first, tuple((rest[0] or "").split(",")) if rest[0] else (), lang)
    assert kind == "order"
    return m.Order(first, lang)


def corpus() -> list[tuple[str, m.Meaning]]:
    lines = (Path(__file__).with_name("corpus.tsv")).read_text("utf-8").split("\n")
    pairs = [line.split("\t") for line in lines if "\t" in line and not line.startswith("#")]
    return [(unescaped(text), expected(label)) for text, label in pairs]


CORPUS = corpus()
EXECUTED = m.Order | m.Cancel | m.CancelAll | m.Confirm | m.Refuse
COMMANDS = [(text, meaning) for text, meaning in CORPUS if isinstance(meaning, EXECUTED)]
S2T = opencc.OpenCC("s2t")
S2TW = opencc.OpenCC("s2tw")
S2HK = opencc.OpenCC("s2hk")


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else "　" if char == " " else char for char in text)


def traditional(text: str, converter: opencc.OpenCC = S2T) -> str:
    return text if any("\ud800" <= char <= "\udfff" for char in text) else converter.convert(text)


def same(one: m.Meaning, other: m.Meaning) -> bool:
    """Equal but for the words of a complaint, which are kept as they were written."""
    if isinstance(one, m.Complain) and isinstance(other, m.Complain):
        return one.lang == other.lang
    return one == other


@pytest.mark.parametrize(("text", "meaning"), CORPUS, ids=[ascii(text) for text, _ in CORPUS])
def test_corpus(text: str, meaning: m.Meaning) -> None:
    assert GRAMMAR.read(text) == meaning


def test_corpus_is_large_enough() -> None:
    assert len(CORPUS) >= 450
    assert len({text for text, _ in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize(("text", "meaning"), CORPUS, ids=[ascii(text) for text, _ in CORPUS])
def test_form_does_not_matter(text: str, meaning: m.Meaning) -> None:
    forms = [text.upper(), text.lower(), full_width(text), f"  {text}\r\n", f"「{text}」", f"{text}😀", f"\ufeff{text}\u200b"]
    forms += [traditional(text, converter) for converter in (S2T, S2TW, S2HK)]
    for form in forms:
        assert same(GRAMMAR.read(form), meaning), ascii(form)


@pytest.mark.parametrize("before", ["", "请，", "你好，", "您好！麻烦您 ", "Hi, ", "please "])
@pytest.mark.parametrize("after", ["", "谢谢", "，谢谢您！", " thank you", " pls. Thx"])
def test_polite_words_change_nothing(before: str, after: str) -> None:
    for text, meaning in COMMANDS:
        assert GRAMMAR.read(before + text + after) == meaning, ascii(before + text + after)


@pytest.mark.parametrize("before", ["请帮我", "我要申请", "I want to "])
@pytest.mark.parametrize("after", ["", "一下", " now", " for me, pls"])
def test_fillers_change_no_order_and_no_cancel(before: str, after: str) -> None:
    for text, meaning in COMMANDS:
        if isinstance(meaning, m.Order | m.CancelAll) or (isinstance(meaning, m.Cancel) and meaning.code):
            assert GRAMMAR.read(before + text + after) == meaning, ascii(before + text + after)


CANCEL_WORDS = [word for section, _, _, word in WORDS.each() if section in ("cancel", "cancel_all")]
ALL_WORDS = [word for _, _, _, word in WORDS.each()]
NAMES = [name for each in SERVICES for name in (each.code, each.name.zh, each.name.en, *each.aliases)]
PIECES = st.sampled_from([*ALL_WORDS, *NAMES, " ", "", "。", "?", "99", "啦啦", "xyz", "\u200b"]) | st.text(max_size=3)
TEXTS = st.lists(PIECES, max_size=8).map("".join) | st.lists(PIECES, max_size=8).map(" ".join) | st.text(max_size=40)


@settings(max_examples=400, deadline=None)
@given(before=TEXTS, word=st.sampled_from(CANCEL_WORDS), after=TEXTS)
def test_a_cancel_word_never_orders_or_confirms(before: str, word: str, after: str) -> None:
    chinese = not plain(word).isascii()
    for text in (f"{before} {word} {after}", f"{before}{word}{after}" if chinese else f"{before} {word}10 {after}"):
        assert not isinstance(GRAMMAR.read(text), m.Order | m.Confirm), ascii(text)


@settings(max_examples=200, deadline=None)
@given(
    denial=st.sampled_from([word for section, _, _, word in WORDS.each() if section in ("negation", "refuse")]),
    command=st.sampled_from([word for section, _, _, word in WORDS.each() if section in ("order", "cancel", "cancel_all")]),
    name=st.sampled_from(["", *NAMES]),
    polite=st.sampled_from(["", "请", "帮我", "please"]),
)
def test_a_negation_is_never_carried_out(denial: str, command: str, name: str, polite: str) -> None:
    meaning = GRAMMAR.read(f"{denial} {polite} {command} {name}")
    assert not isinstance(meaning, m.Order | m.Confirm | m.Cancel | m.CancelAll | m.Choice)


@settings(max_examples=400, deadline=None)
@given(text=TEXTS)
def test_any_text_is_read_alike_in_every_form(text: str) -> None:
    meaning = GRAMMAR.read(text)
    assert same(GRAMMAR.read(text.upper()), meaning)
    assert same(GRAMMAR.read(full_width(text)), meaning)
    assert same(GRAMMAR.read(traditional(text)), meaning)


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.characters(), max_size=200))
def test_never_raises(text: str) -> None:
    assert isinstance(GRAMMAR.read(text), m.Meaning)


@settings(max_examples=200, deadline=None)
@given(words=st.text(min_size=1, max_size=80))
def test_a_complaint_keeps_its_words(words: str) -> None:
    assume(words.strip() == words and (words[0].isalnum() or words[0] in "“¥(【"))
    assert GRAMMAR.read(f"投诉 {words}") == m.Complain(words, "zh")


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, command=st.sampled_from(COMMANDS))
def test_unknown_words_stop_a_command(text: str, command: tuple[str, m.Meaning]) -> None:
    read = GRAMMAR.read(f"{command[0]} {text} 这里有别人不认识的字眼")
    assert not isinstance(read, m.Order | m.Confirm | m.Cancel | m.CancelAll | m.Choice)


@pytest.mark.parametrize("filling", ["a", "不", " ", "stop ", "天 ", "t d ", "😀", "\u200b", "﷽", "退", "1", "一", "order 10 "])
def test_long_texts_are_never_carried_out(filling: str) -> None:
    for text in (f"DZ 10 {filling * 2000}", f"TD 10 {filling * 2000}", filling * 2000):
        assert isinstance(GRAMMAR.read(text), m.Unclear | m.Unknown)


def test_a_long_complaint_is_kept_whole() -> None:
    words = "你们乱扣费，退订！" * 500
    assert GRAMMAR.read("TS " + words) == m.Complain(words, "zh")


def test_a_cancel_beyond_what_is_read_does_not_matter() -> None:
    assert GRAMMAR.read("Y" + " " * LONGEST_READ + "退订") == m.Unknown()


def test_every_character_of_unicode_has_one_form_for_both_cases() -> None:
    for code_point in range(0x30000):
        char = chr(code_point)
        assert plain(char.upper()) == plain(char), hex(code_point)
    assert plain(chr(sys.maxunicode)) == ","


def test_a_service_name_that_holds_a_cancel_word() -> None:
    grammar = Grammar(WORDS, [service("30", "停止吸烟", "Stop smoking")])
    assert grammar.read("DZ 30") == m.Order("30", "zh")
    assert grammar.read("order stop smoking") == m.Unclear("either", ("30",), "en")
    assert grammar.read("Y 停止吸烟") == m.Unclear("either", ("30",), None)
    assert grammar.read("TD 停止吸烟") == m.Cancel("30", "zh")


def test_codes_with_letters() -> None:
    grammar = Grammar(WORDS, [service("WX1", "微信", "Chat"), service("ABC", "字母", "Letters"), service("007", "特工", "Agent")])
    for text in ("DZ WX1", "dzwx1", "DZWX1", "dz wx1 谢谢"):
        assert grammar.read(text) == m.Order("WX1", "zh"), text
    assert grammar.read("TDABC") == m.Cancel("ABC", "zh")
    assert grammar.read("wx1") == m.Unclear("order", ("WX1",))
    assert grammar.read("TD 7") == m.Cancel("007", "zh")
    assert grammar.read("TD 007") == m.Cancel("007", "zh")
    assert grammar.read("wx12") == m.Unknown()


def test_a_name_of_two_services_asks_which() -> None:
    papers = [service("30", "早报", "Daily", "报纸", "早报"), service("31", "晚报", "Evening", "报纸")]
    grammar = Grammar(WORDS, [*papers, service("010", "甲", "One"), service("10", "乙", "Two")])
    assert grammar.read("TD 报纸") == m.Unclear("cancel", ("30", "31"), "zh")
    assert grammar.read("TD 0010") == m.Unclear("cancel", ("010", "10"), "zh")
    assert grammar.read("TD 010") == m.Cancel("010", "zh")


def test_a_service_may_not_be_called_by_a_command() -> None:
    with pytest.raises(ValueError, match="command") as caught:
        Grammar(WORDS, [service("TD", "甲", "Stop"), service("11", "乙", "Two", "查询")])
    assert [line.split(":")[0] for line in str(caught.value).split("\n")] == ["service TD", "service TD", "service 11"]


def test_without_services_and_without_a_question_mark_for_help() -> None:
    grammar = Grammar(load_words(WORDS_FILE.replace(b'neither = ["?"]', b"")), [])
    assert grammar.read("?") == m.Unknown()
    assert grammar.read("DZ 10") == m.Unclear("order", (), "zh")
    assert grammar.read("TD") == m.Cancel(None, "zh")


def test_zeros_that_are_no_command_are_no_code() -> None:
    grammar = Grammar(load_words(WORDS_FILE.replace(b'neither = ["0000"]', b"")), [*SERVICES, service("0", "零", "Zero")])
    assert grammar.read("0000") == m.Unknown()
    assert grammar.read("DZ 0") == m.Order("0", "zh")


def test_configured_words_are_used() -> None:
    words = load_words(WORDS_FILE.replace(b'en = ["STOP",', b'en = ["STOP", "BAJA", "fin por favor",'))
    grammar = Grammar(words, SERVICES)
    assert grammar.read("baja 10") == m.Cancel("10", "en")
    assert grammar.read("Fin  POR favor") == m.Cancel(None, "en")
    assert grammar.read("order 10 baja") == m.Unclear("either", ("10",), "en")


@pytest.mark.parametrize(
    ("old", "new", "mistakes"),
    [
        (b"[order]", b"[order", ["not TOML in UTF-8: "]),
        (b"[order]", b"\xff", ["not TOML in UTF-8: "]),
        (b"[order]", b"[ordering]", ["ordering: unknown; known are order, ", "order: missing"]),
        (b"[list]", b"[list]\nfr = []", ["list.fr: unknown; known are zh, en, neither"]),
        (b'en = ["HELP", "INFO"]', b"en = []", ["help.en: empty"]),
        (b'en = ["HELP", "INFO"]\n', b"", ["help.en: empty"]),
        (b'en = ["HELP", "INFO"]', b'en = "HELP"', ["help.en: must be a list"]),
        (b'en = ["HELP", "INFO"]', b'en = ["HELP", 1, 2]', ["help.en[1]: must be a word", "help.en[2]: must be a word"]),
        (b'en = ["HELP", "INFO"]', b'en = ["HELP", "\xe3\x80\x82", "?!a"]', ["help.en[1]: ", "help.en[2]: "]),
        (b'en = ["HELP", "INFO"]', b'en = ["%s"]' % (b"x" * 41), ["help.en[0]: "]),
        (b'en = ["HELP", "INFO"]', b'en = ["INFO", "stop"]', ["help.en[1]: 'stop' is in cancel.en[0] too"]),
        (
            'zh = ["订购",'.encode(),
            'zh = ["退訂", "请退订", "stop it",'.encode(),
            ["cancel.zh[0]: '退订' is in order.zh[0] too", "order.zh[1]: '请退订' holds the cancel word", "order.zh[2]: "],
        ),
    ],
)
def test_mistakes_in_the_words_are_told_at_once(old: bytes, new: bytes, mistakes: list[str]) -> None:
    assert old in WORDS_FILE
    with pytest.raises(WordsWrong) as caught:
        load_words(WORDS_FILE.replace(old, new, 1))
    found = caught.value.mistakes
    assert len(found) == len(mistakes), found
    for line, beginning in zip(found, mistakes, strict=True):
        assert line.startswith(beginning), line


def test_a_section_must_be_a_table() -> None:
    with pytest.raises(WordsWrong) as caught:
        load_words(b"order = 1")
    assert caught.value.mistakes[0] == "order: must be a table with the keys zh, en and neither"
    assert "cancel: missing" in caught.value.mistakes
    assert len(caught.value.mistakes) == len(Words.__struct_fields__) - 4


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("stop", "stop", True),
        ("stop", "stp", True),
        ("stop", "stoop", True),
        ("stop", "step", True),
        ("stop", "sotp", True),
        ("stop", "spot", False),
        ("stop", "st", False),
        ("stop", "opst", False),
        ("", "a", True),
        ("aa", "a", True),
        ("abcd", "badc", False),
    ],
)
def test_within_one(one: str, other: str, near: bool) -> None:
    assert within_one(one, other) is near
    assert within_one(other, one) is near


@given(one=st.text("abc", max_size=6), other=st.text("abc", max_size=6))
def test_the_index_finds_what_is_within_one(one: str, other: str) -> None:
    nearby: Nearby[int] = Nearby()
    nearby.add(one, 1)
    assert nearby.find(other) == ([1] if within_one(one, other) else [])
    assert nearby.find(other * 50) == [] or not other


@pytest.mark.parametrize(
    ("numeral", "digits"),
    [
        *[("一", "1"), ("十", "10"), ("十二", "12"), ("二十", "20"), ("二十一", "21"), ("一百零一", "101"), ("百", "100")],
        *[("〇", "0"), ("一零一", "101"), ("十十", None), ("百百", None), ("十一二", None), ("零十", None)],
    ],
)
def test_chinese_numerals(numeral: str, digits: str | None) -> None:
    assert number(numeral) == digits


def test_original_end() -> None:
    assert original_end("\u200bＴＳ 好", 2) == 3
    assert original_end("TS", 2) == 2
    assert original_end("TS", 9) == 2
    assert phrase(" Ring-back  tone ") == "ring back tone"
    assert phrase("天 气 Plus 预 报") == "天气plus预报"


def test_too_many_unknown_words_are_near_nothing() -> None:
    assert isinstance(GRAMMAR.read("one two three four five oder"), m.Unknown)
    assert Misses(WORDS, SERVICES).look("", []).codes == ()
