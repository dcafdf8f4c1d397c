"""Settings files: the example, defaults, and every mistake told at once."""

from __future__ import annotations

import re
import tomllib
import typing
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from conf.checks import cross_check
from conf.decode import Decoder
from conf.load import EXAMPLE, load, parse, write_example
from conf.problems import BadSettings
from conf.settings import PACKAGED_TEXTS, Alphabet, Bind, Settings, Smsc
from conf.values import DatabaseUrl, Endpoint, Secret
from sms.text import encodings

SMSC = '[[smsc]]\nname="a"\nhost="h"\nport=1\nsystem_id="i"\npassword="p"\nservice_number="10655"\n'
SERVICE = '[[service]]\ncode="10"\nname.zh="天气预报"\nname.en="Weather"\nprice_fen=500\n'
BASE = Path("/etc/shouwen")


def problems(text: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        parse(text, BASE)
    return caught.value.problems


def problem(text: str) -> str:
    (only,) = problems(text)
    return only


def uncommented() -> str:
    return re.sub(r"(?m)^#(?=[a-z_]+ = )", "", EXAMPLE.read_text("utf-8"))


# --- the example


def test_example_loads_and_fits_the_simulators() -> None:
    found = load(EXAMPLE)
    (smsc,) = found.smsc
    assert (smsc.name, smsc.host, smsc.port) == ("simulated", "127.0.0.1", 2775)
    assert (smsc.system_id, smsc.password) == ("shouwen", "secret")
    assert (found.number, found.hotline) == ("10655123", "10198")
    assert [(s.code, s.name.zh, s.price_fen, s.fee.value) for s in found.catalogue()] == [
        ("10", "天气预报", 500, "monthly"),
        ("11", "每日笑话", 300, "monthly"),
        ("12", "彩铃", 500, "monthly"),
        ("20", "健康知识", 800, "monthly"),
        ("30", "图铃下载", 200, "per_use"),
        ("101", "新闻早报", 0, "free"),
    ]


def test_defaults_in_example_are_those_of_the_code() -> None:
    assert uncommented() != EXAMPLE.read_text("utf-8")
    assert parse(uncommented(), EXAMPLE.parent) == load(EXAMPLE)


def test_example_leaves_defaults_to_the_code() -> None:
    found, bare = load(EXAMPLE), parse("", EXAMPLE.parent)
    for key in Settings.__struct_fields__:
        if key not in ("smsc", "service", "ami", "phone", "topic", "route", "test_plan"):
            assert getattr(found, key) == getattr(bare, key), key


def keys_missing(cls: type[Any], table: dict[str, Any], path: str) -> list[str]:
    missing = []
    for field in msgspec.structs.fields(cls):
        where = f"{path}.{field.encode_name}"
        value = table.get(field.encode_name)
        inner = (typing.get_args(field.type) or (field.type,))[0]
        if value is None:
            missing.append(where)
        elif isinstance(inner, type) and issubclass(inner, msgspec.Struct) and value:
            missing += keys_missing(inner, value[0] if isinstance(value, list) else value, where)
    return missing


def test_example_names_every_option() -> None:
    assert keys_missing(Settings, tomllib.loads(uncommented()), "") == []


def test_every_option_in_example_is_explained() -> None:
    previous = ""
    for number, line in enumerate(EXAMPLE.read_text("utf-8").splitlines(), 1):
        if re.match(r"#[a-z_]+ = ", line):
            assert previous.startswith("#"), f"line {number}: {line}"
        previous = line


def test_every_field_has_its_docstring_entry() -> None:
    for field in msgspec.structs.fields(Smsc):
        assert re.search(rf"\b{field.name}\b[^:]*:", Smsc.__doc__ or ""), field.name


def test_write_example_makes_a_working_folder(tmp_path: Path) -> None:
    written = write_example(tmp_path / "new")
    assert [path.relative_to(tmp_path / "new").as_posix() for path in written] == [
        "shouwen.toml", "texts/messages.zh.toml", "texts/messages.en.toml", "texts/prompts.zh.toml",
        "texts/prompts.en.toml", "texts/words.toml",
    ]  # fmt: skip
    found = load(written[0])
    assert found.texts.dir == tmp_path / "new" / "texts"
    assert found.database.url == f"sqlite:///{tmp_path}/new/var/shouwen.db"
    assert written[0].stat().st_mode & 0o007 == 0


def test_write_example_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    mine = tmp_path / "texts" / "messages.en.toml"
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match=re.escape(str(mine))):
        write_example(tmp_path)
    assert mine.read_text() == "mine"
    assert not (tmp_path / "shouwen.toml").exists()


# --- what is read


def test_empty_file_is_all_defaults() -> None:
    found = parse("", BASE)
    assert found.zone == ZoneInfo("Asia/Shanghai")
    assert found.database.url == "sqlite:////etc/shouwen/var/shouwen.db"
    assert found.web.listen == Endpoint("127.0.0.1", 8080)
    assert found.texts.dir == PACKAGED_TEXTS
    assert found.number == ""


def test_dotted_keys_of_the_documentation() -> None:
    found = parse('zone = "UTC"\ndatabase.url = "sqlite:///x.db"\nweb.tokens.crm = "t"\n' + SMSC + SERVICE, BASE)
    assert found.database.url.path == BASE / "x.db"
    assert found.web.tokens == {"crm": "t"}
    assert found.smsc[0].bind is Bind.TRANSCEIVER
    assert found.service[0].name.zh == "天气预报"


def test_later_prices_are_days() -> None:
    found = parse(SERVICE + "prices = [{since = 2030-01-01, price_fen = 600}]", BASE)
    assert found.service[0].price_on(date(2030, 1, 1)) == 600


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("sqlite:///a/b.db", "sqlite:////etc/shouwen/a/b.db"),
        ("sqlite:////var/b.db", "sqlite:////var/b.db"),
        ("postgresql+psycopg://u:p%40@h:5433/n", "postgresql+psycopg://u:p%40@h:5433/n"),
        ("postgresql://u:p@h/n?sslmode=require", "postgresql+psycopg://u:p@h/n?sslmode=require"),
        ("postgresql+psycopg:///n", "postgresql+psycopg:///n"),
    ],
)
def test_database_urls(written: str, read: str) -> None:
    url = parse(f'database.url = "{written}"', BASE).database.url
    assert url == read
    assert url.dialect == read.partition(":")[0].partition("+")[0]
    assert (url.path is None) == (url.dialect == "postgresql")


@pytest.mark.parametrize(
    ("written", "read"),
    [("0.0.0.0:0", ("0.0.0.0", 0)), ("[::1]:80", ("::1", 80)), ("localhost:65535", ("localhost", 65535))],
)
def test_endpoints(written: str, read: tuple[str, int]) -> None:
    listen = parse(f'web.listen = "{written}"', BASE).web.listen
    assert listen == read
    assert str(listen) == written


def test_secrets_do_not_show() -> None:
    top = 'database.url = "postgresql://u:hidden@h/n"\nweb.tokens.crm = "hidden"\n'
    found = parse(top + SMSC.replace('"p"', '"hidden"'), BASE)
    assert "hidden" not in repr(found)
    assert repr(Secret("hidden")) == "***"
    assert repr(DatabaseUrl("postgresql+psycopg://u:hid@den@h/n")) == "postgresql+psycopg://***@h/n"
    assert found.smsc[0].password == "hidden"


def test_alphabets_are_those_that_texts_can_be_read_in() -> None:
    assert set(typing.get_args(Alphabet)) == encodings.ALPHABETS
    assert parse(SMSC, BASE).smsc[0].national == encodings.NATIONAL
    assert parse(SMSC + "gbk_data_coding = 0", BASE).smsc[0].national == {}


def test_tls_ca_is_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    assert parse(SMSC + 'tls = true\ntls_ca = "ca.pem"', tmp_path).smsc[0].tls_ca == tmp_path / "ca.pem"
    assert parse(SMSC + 'tls = true\ntls_ca = ""', tmp_path).smsc[0].tls_ca is None


def test_byte_order_mark_and_crlf_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'[ivr]\r\nnumber = "10010"\r\n')
    assert load(path).hotline == "10010"


# --- mistakes

MISTAKES = [
    ('zone = "Asia/Shanghia"', 'zone = "Asia/Shanghia": is no known zone, did you mean "Asia/Shanghai"?; allowed: '),
    ('zone = "../etc"', 'zone = "../etc": is no known zone'),
    ('zone = "Asia"', 'zone = "Asia": is no known zone'),
    ("zone = 8", "zone = 8: is a whole number; allowed: text in quotes"),
    ("sone = 8", 'sone: unknown key, did you mean "zone"?'),
    ("qqqq = 8", "qqqq: unknown key; known here: zone, database"),
    ("web.listn = 8", 'web.listn: unknown key, did you mean "listen"?'),
    ('web = "x"', "web: is text; it must be one table with listen, tokens"),
    ('[[web]]\nlisten = "x"', "web: is a list; it must be one table with"),
    ("smsc = 5", "smsc: is a whole number; it must be a list of tables; write [[smsc]]"),
    ("[smsc]", "smsc: is a table; it must be a list of tables; write [[smsc]]"),
    ("smsc = [5]", "smsc[0]: is a whole number; it must be one table with name, host"),
    ('database.url = "postgresql://u:hidden"', 'database.url = "postgresql://u:***": is no database URL'),
    (SMSC.replace("port=1", ""), "smsc[0].port: missing; it needs a whole number from 1 to 65535"),
    (SMSC.replace("port=1", "port=70000"), "smsc[0].port = 70000: allowed: a whole number from 1 to 65535"),
    (SMSC.replace("port=1", 'port="x"'), 'smsc[0].port = "x": allowed: a whole number from 1 to 65535'),
    (SMSC.replace("port=1", "port=true"), "smsc[0].port = true: allowed: a whole number"),
    (SMSC.replace('host="h"', 'host="h:1/x"'), 'smsc[0].host = "h:1/x": allowed: a host name or address, without port'),
    (SMSC.replace('"10655"', "10655"), "smsc[0].service_number = 10655: allowed: 3 to 20 digits in quotes"),
    (SMSC.replace('"p"', '"ninechars"'), "smsc[0].password = ***: allowed: at most 8 printable ASCII characters"),
    (SMSC.replace('"p"', "12345"), "smsc[0].password = ***: is a whole number; allowed: text in quotes"),
    (SMSC.replace('"i"', '"0123456789abcdef"'), 'smsc[0].system_id = "0123456789abcdef": allowed: 1 to 15 printable ASCII'),
    (SMSC + 'bind = "both"', 'smsc[0].bind = "both": allowed: one of "transceiver", "transmitter+receiver", "transmitter", "rec'),
    (SMSC + 'bind = "receiver"', 'smsc: every bind is "receiver", so that no text can be answered; add an SMSC with bind = "tr'),
    (SMSC + 'long_texts = "udh"', 'smsc[0].long_texts = "udh": allowed: one of "payload", "sar", "udh16", "udh8"'),
    (SMSC + "enquire_link_s = 0", "smsc[0].enquire_link_s = 0: allowed: a number above 0"),
    (SMSC + "response_s = inf", "smsc[0].response_s = inf: allowed: a number above 0"),
    (SMSC + "rate_per_s = nan", "smsc[0].rate_per_s = nan: allowed: a number from 0"),
    (SERVICE.replace("=500", "=-1"), "service[0].price_fen = -1: allowed: a whole number from 0 to 1000000"),
    (SMSC + "tls = 1", "smsc[0].tls = 1: allowed: true or false"),
    (SMSC + 'tls_ca = "x.pem"', 'smsc[0].tls_ca = "/etc/shouwen/x.pem": has no effect without tls = true'),
    (SMSC + 'tls = true\ntls_ca = "x.pem"', 'smsc[0].tls_ca = "/etc/shouwen/x.pem": there is no such file'),
    (SMSC + "reconnect_min_s = 90", "smsc[0].reconnect_min_s = 90.0: is above reconnect_max_s = 60"),
    (SMSC + SMSC, 'smsc[1].name = "a": smsc[0] has it already'),
    (
        'database.url = "mysql://u:hidden@h/n"',
        "database.url = \"mysql://***@h/n\": has an unknown scheme 'mysql'; allowed are sqlite:///FILE",
    ),
    ('database.url = "postgresql:u:hidden@h"', 'database.url = "***@h": is no database URL; allowed are'),
    ('database.url = "postgresql://u:hidden@h:x/n"', 'database.url = "postgresql://***@h:x/n": is no database URL'),
    ('database.url = "postgresql://u@h"', 'database.url = "postgresql://***@h": names no database'),
    ('database.url = "sqlite://x.db"', 'database.url = "sqlite://x.db": allowed: sqlite:///FILE'),
    ('database.url = "sqlite:///:memory:"', 'database.url = "sqlite:///:memory:": names no file'),
    ('database.url = "sqlite:///a.db?x=1"', 'database.url = "sqlite:///a.db?x=1": takes no options'),
    ('web.listen = "8080"', 'web.listen = "8080": allowed: HOST:PORT, such as'),
    ('web.listen = "::1:80"', 'web.listen = "::1:80": allowed: HOST:PORT, such as'),
    ('web.listen = "h:65536"', 'web.listen = "h:65536": allowed: HOST:PORT with a port from 0 to 65535'),
    ('web.tokens = "hidden"', "web.tokens: is text; it must be a table"),
    ("web.tokens.crm = 5", "web.tokens.crm = ***: is a whole number"),
    ('web.tokens.crm = ""', "web.tokens.crm = ***: is empty"),
    ('web.tokens."a b" = "x"', 'web.tokens = "a b": allowed: 1 to 32 letters'),
    ('web.tokens = {a = "hidden", b = "hidden"}', "web.tokens.b = ***: is that of a too"),
    ('billing.adapter = "tmf"', 'billing.adapter = "tmf": allowed: "simulated"'),
    ("billing.first_wait_s = 90", "billing.first_wait_s = 90.0: is above longest_wait_s = 60"),
    ("billing.give_up_h = 0", "billing.give_up_h = 0: allowed: a number above 0 and up to 744"),
    ("rules.records_kept_months = 4", "rules.records_kept_months = 4: allowed: a whole number from 5 to 240"),
    ("rules = 5", "rules: is a whole number; it must be one table with offer_valid_h"),
    ("[amy]", "amy: unknown key"),
    (SERVICE + SERVICE.replace("天气预报", "雨").replace("Weather", "Rain"), 'service[1].code = "10": service[0] has it already'),
    (SERVICE + 'fee = "daily"', 'service[0].fee = "daily": allowed: one of "monthly", "per_use", "free"'),
    (SERVICE + 'fee = "free"', 'service[0].price_fen = 500: must be 0 where fee = "free"'),
    (SERVICE + 'aliases = "x"', "service[0].aliases: is text; it must be a list"),
    (SERVICE + 'aliases = ["x", " "]', "service[0].aliases[1]: is empty"),
    (SERVICE + "aliases = [5]", "service[0].aliases[0] = 5: allowed: text"),
    (SERVICE.replace('"10"', '"a1"'), 'service[0].code = "a1": allowed: 1 to 10 digits or capital letters'),
    (SERVICE.replace('name.zh="天气预报"', ""), "service[0].name.zh: missing; it needs text of 1 to 20 characters"),
    (SERVICE.replace('name.zh="天气预报"\nname.en="Weather"', ""), "service[0].name: missing; it needs a table with zh, en"),
    (
        SERVICE + "prices = [{since = 2030-01-01T00:00:00Z, price_fen = 1}]",
        "service[0].prices[0].since = 2030-01-01 00:00:00+00:00: allowed: a day",
    ),
    (
        SERVICE + "prices = [{since = 2030-01-01, price_fen = 1}, {since = 2030-01-01, price_fen = 2}]",
        "service[0].prices[1].since = 2030-01-01: this day has another price already",
    ),
    (
        SERVICE.replace("=500", "=0") + 'fee = "free"\nprices = [{since = 2030-01-01, price_fen = 1}]',
        'service[0].prices[0].price_fen = 1: must be 0 where fee = "free"',
    ),
    ("a = " + "[" * 5000, "shouwen.toml: lists or tables are nested too deep"),
    ("zone = ", "shouwen.toml: not TOML: Invalid value (at"),
    ("[ivr]\n\nnumber 5", "shouwen.toml: not TOML: Expected '=' after a key in a key/value pair (at line 3, column 8)"),
    ("rules.asks_per_hour = 1" + "0" * 5000, "shouwen.toml: not TOML: "),
    ('log.level = "' + "x" * 500 + '"', 'log.level = "' + "x" * 59 + '…": allowed: one of "debug"'),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES)
def test_mistake(text: str, told: str) -> None:
    line = problem(text)
    assert line.startswith(told)
    assert "hidden" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("alias", "means"),
    [("Weather", "name.en"), ("天气 预报", "name.zh"), ("ＷＥＡＴＨＥＲ", "name.en"), ("10", "code")],
)
def test_alias_that_means_another_service(alias: str, means: str) -> None:
    other = SERVICE.replace('"10"', '"11"').replace("天气预报", "笑话").replace("Weather", "Jokes")
    assert problem(SERVICE + other + f'aliases = ["{alias}"]') == (
        f'service[1].aliases[0] = "{alias}": means service[0].{means} already; a word must name one service only'
    )


def test_two_services_of_one_name() -> None:
    assert problem(SERVICE + SERVICE.replace('"10"', '"11"').replace("Weather", "Rain")).startswith(
        'service[1].name.zh = "天气预报": means service[0].name.zh already'
    )


def test_a_service_may_repeat_its_own_name() -> None:
    assert parse(SERVICE + 'aliases = ["weather", "天气", "天气"]', BASE).service[0].aliases[0] == "weather"


def test_all_mistakes_at_once() -> None:
    text = (
        'zone = "Nowhere/Land"\nextra = 1\n[web]\nlisten = 5\ntokens = {a = "same", b = "same"}\n[billing]\nadapter = "vac"\n'
        + SMSC.replace("port=1", "port=0")
        + SMSC.replace('host="h"', "")
        + SERVICE.replace("500", "-1")
        + SERVICE
    )
    found = problems(text)
    starts = ["extra:", "zone =", "web.listen =", "billing.adapter =", "smsc[0].port", "smsc[1].host", "service[0].price_fen"]
    starts += ["smsc[1].name", "service[1].code", "service[1].name.zh", "service[1].name.en", "web.tokens.b"]
    for start in starts:
        assert sum(line.startswith(start) for line in found) == 1, (start, found)
    assert len(found) == len(starts)


def test_error_names_file_and_count() -> None:
    with pytest.raises(BadSettings, match=r"(?s)^shouwen\.toml: 2 mistakes\n  zone .*\n  rules") as caught:
        parse("zone = 1\nrules = 2", BASE)
    assert isinstance(caught.value, ValueError)


# --- files that can't be read


def failure(path: Path) -> str:
    with pytest.raises(BadSettings) as caught:
        load(path)
    return str(caught.value)


def test_missing_file_tells_the_way_out(tmp_path: Path) -> None:
    assert failure(tmp_path / "x.toml").endswith(f"x.toml: there is no such file; make one with: shouwen init {tmp_path}")


def test_folder_and_unreadable_and_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"is a folder; give the file, such as {tmp_path / 'shouwen.toml'}" in failure(tmp_path)
    path = tmp_path / "s.toml"
    path.write_bytes('zone = "UTC"\n# 中文'.encode("gb18030"))
    assert "s.toml: not UTF-8 at line 2" in failure(path)

    def refused(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert "can't be read: Permission denied" in failure(path)


# --- any file whatever

scalars = st.one_of(st.integers(), st.booleans(), st.floats(), st.text(max_size=5), st.dates())
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3), max_leaves=6
)
sections = st.dictionaries(st.sampled_from(Settings.__struct_fields__), trees, max_size=4)


@hypothesis_settings(max_examples=150, deadline=None)
@given(sections)
def test_any_tree_is_read_or_told(tree: dict[str, Any]) -> None:
    decoder = Decoder(BASE)
    found = decoder.struct(Settings, tree)
    assert all(isinstance(line, str) for line in decoder.problems + cross_check(found))


def test_the_pool_is_that_of_postgresql() -> None:
    url = "postgresql+psycopg://me:sesame@host/name"
    assert parse(f'database.url = "{url}"\ndatabase.pool = 3', BASE).database.queries == 3
    assert parse("database.pool = 3", BASE).database.queries == 4
