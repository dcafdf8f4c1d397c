"""The words of the hotline: complete, polite, the same in both languages, and every mistake found at load."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from conf.problems import BadSettings
from conf.settings import PACKAGED_TEXTS
from hotline.domain.calendar import AFTERNOON, EVENING, MORNING, NEW_YEAR
from hotline.domain.texts import LANGS
from ivr.prompts.catalogue import PARTS, file_of, load_catalogue
from ivr.prompts.phrases import sentence
from tests.kit.manners import FORBIDDEN, POLITE
from tests.kit.prompts import CATALOGUE


def words(lang: str) -> dict[str, str]:
    names = [*CATALOGUE, *PARTS]
    return {name: CATALOGUE.fill(lang, name, {field: f"<{field}>" for field in CATALOGUE.fields(name)}) for name in names}


def fields(text: str) -> set[str]:
    return set(re.findall("<([a-z]+)>", text))


def test_both_languages_tell_the_same() -> None:
    chinese, english = words("zh"), words("en")
    assert [name for name in chinese if fields(chinese[name]) != fields(english[name])] == []


@pytest.mark.parametrize("lang", LANGS)
def test_the_words_are_spoken_ones(lang: str) -> None:
    for name, text in words(lang).items():
        assert not any(char.isdigit() for char in text), name
        assert not any(phrase in text for phrase in FORBIDDEN), name


def test_each_language_is_its_own_but_for_the_offer_of_the_other() -> None:
    for name in CATALOGUE:
        zh, en = (re.sub("<[a-z]+>", "", words(lang)[name]) for lang in LANGS)
        han = ["\u4e00" <= char <= "\u9fff" for char in zh], ["\u4e00" <= char <= "\u9fff" for char in en]
        if name == "language_offer":
            assert not any(han[0])
            assert any(han[1])
        elif zh:
            assert any(han[0]), name
            assert not any(han[1]), name


def test_greetings_and_farewell_are_those_of_the_service_plan() -> None:
    chinese = words("zh")
    for kind, start in ((MORNING, "早上好"), (AFTERNOON, "下午好"), (EVENING, "晚上好"), (NEW_YEAR, "新年好")):
        assert chinese[f"greeting_{kind}"].startswith(start)
    assert chinese["farewell"].endswith("再见！")
    assert chinese["farewell_new_year"].endswith("再见！")
    assert "新年快乐" in chinese["farewell_new_year"]
    english = words("en")
    for kind, start in ((MORNING, "Good morning"), (AFTERNOON, "Good aft"), (EVENING, "Good eve"), (NEW_YEAR, "Happy new year")):
        assert english[f"greeting_{kind}"].startswith(start)
    assert all(english[name].endswith("Goodbye.") for name in ("farewell", "farewell_new_year"))


def strings(value: object) -> list[str]:
    """Every text in a table, however deep."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("path", sorted(PACKAGED_TEXTS.glob("*.zh.toml")), ids=lambda path: path.name)
def test_no_text_forgets_its_manners(path: Path) -> None:
    texts = strings(tomllib.loads(path.read_text("utf-8")))
    assert texts
    folded = [re.sub(r"[\s，。！？、]", "", text) for text in texts]
    assert [text for text in folded if any(phrase in text for phrase in FORBIDDEN)] == []
    assert [text for text in folded if "你" in text] == [], "您 to everybody"


def test_the_polite_phrases_are_said() -> None:
    said = "".join(words("zh").values())
    assert [phrase for phrase in POLITE if phrase not in said] == []


def test_keys_of_the_main_menu() -> None:
    chinese = words("zh")
    for name in ("main", "main_again"):
        assert re.findall("请按(.)", chinese[name])[:5] == ["一", "二", "三", "四", "零"], name


def test_a_shorter_form_is_shorter() -> None:
    for lang in LANGS:
        texts = words(lang)
        for name in (name for name in texts if name.endswith("_again") and name[:-6] in texts):
            assert len(texts[name]) < len(texts[name[:-6]]) or name == "call_back_hello_again", (lang, name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for lang in LANGS:
        shutil.copy(PACKAGED_TEXTS / file_of(lang), tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("invalid = ", "invald = ", "prompts.zh.toml: invalid is missing"),
        ("invalid = ", "invald = ", 'prompts.zh.toml: invald is no known prompt, did you mean "invalid"?'),
        ("订购了{count}项", "订购了{cuont}项", "services_count: {cuont} is no placeholder of this prompt; allowed: {count}"),
        ("订购了{count}项", "订购了几项", "services_count: {count} is missing"),
        ("订购了{count}项", "订购了{count:d}项", "services_count: {count} takes no format"),
        ("订购了{count}项", "订购了{count项", "services_count: "),
        ("人工请按零，其他", "人工请按0，其他", "main_surge: it has digits"),
        ('proved = "谢谢，验证通过。"', 'proved = ""', "proved: it is empty"),
        ('proved = "谢谢，验证通过。"', 'proved = "……"', "proved: there is nothing to say"),
        ('proved = "谢谢，验证通过。"', "proved = 3", "proved: it is empty"),
        ('proved = "谢谢，验证通过。"', "proved = ", "prompts.zh.toml: not TOML"),
    ],
)
def test_mistakes_are_found_at_load(folder: Path, old: str, new: str, line: str) -> None:
    path = folder / file_of("zh")
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(BadSettings) as caught:
        load_catalogue(folder)
    assert any(line in problem for problem in caught.value.problems), caught.value.problems


def test_a_file_that_is_not_there_is_said_once(folder: Path) -> None:
    (folder / file_of("en")).unlink()
    with pytest.raises(BadSettings) as caught:
        load_catalogue(folder)
    assert len(caught.value.problems) == 1
    assert "prompts.en.toml" in caught.value.problems[0]


@pytest.mark.parametrize("lang", LANGS)
def test_fixed_prompts_can_be_said(lang: str) -> None:
    for name in CATALOGUE.fixed():
        assert sentence(CATALOGUE, name, lang, {})
