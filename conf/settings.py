"""What shouwen.toml can say, as frozen values; `conf/example.toml` shows every key with its effect.

Key names are the attribute names. Every attribute names its unit; what has a default may be left out.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from conf.testing import Route, Testing
from conf.values import DatabaseUrl, Endpoint, Secret, SmppPassword
from conf.voice import Ami, Asterisk, Hours, Ivr, Phone, Queue, Topic
from hotline.domain.catalogue import Catalogue, Service
from hotline.domain.rules import CallRules, Rules
from hotline.domain.testplan import TestPlan

PACKAGED_TEXTS = Path(__file__).parent / "texts"
"""The texts that come with the program."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Octet = Annotated[int, Meta(ge=0, le=255)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Ton = Annotated[int, Meta(ge=0, le=6)]
Npi = Annotated[int, Meta(ge=0, le=18)]
Label = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z", description="1 to 32 letters, digits, or _ . -")]
Alphabet = Literal["gsm7", "ucs2", "ascii", "latin-1", "utf-8", "gbk", "gb18030", "iso8859-5", "iso8859-8"]
Host = Annotated[str, Meta(pattern=r"^[^\s/@]{1,255}\Z", description="a host name or address, without port")]
Digits = Annotated[str, Meta(pattern=r"^[0-9]{3,20}\Z", description="3 to 20 digits in quotes")]


class Bind(enum.Enum):
    """How the SMSC is bound (SMPP 3.4 §4.1)."""

    TRANSCEIVER = "transceiver"
    BOTH = "transmitter+receiver"
    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"


class Smsc(msgspec.Struct, frozen=True, kw_only=True):
    """One SMSC; a `[[smsc]]` table. The limits of texts are those of SMPP 3.4 §5.2, so that none is cut on the wire.

    Attributes:
        name: what logs, events and metrics call it; changing it parts its messages from their receipts.
        host: its host name or address.
        port: its TCP port.
        system_id: our name there, at most 15 ASCII characters.
        password: at most 8 ASCII characters.
        service_number: the number that subscribers text to, and that texts to them come from; digits.
        bind: "transceiver", "transmitter+receiver" (two binds), "transmitter" or "receiver"; what comes by
            a receiver is answered by the first SMSC that transmits.
        system_type: at most 12 ASCII characters; most SMSCs want none.
        address_range: the numbers whose texts a receiver wants, at most 40 characters; "": those agreed on.
        interface_version: of SMPP, as sent in the bind; 0x34 is 3.4.
        source_ton, source_npi: type of number and numbering plan of `service_number` (SMPP 3.4 §5.2.5, §5.2.6).
        dest_ton, dest_npi: the same of subscribers' numbers, which are sent with their country code.
        country: country calling code of subscribers' numbers that come in national form.
        window: texts sent and not yet answered by the SMSC, at most.
        rate_per_s: texts sent in a second, at most; 0: no limit.
        tls: whether the link is encrypted.
        tls_ca: PEM file of the authorities that may sign its certificate; None: the system's.
        tls_verify: whether its certificate is checked; switch it off for tests only.
        enquire_link_s: seconds of silence after which the link is tested.
        response_s: seconds after which an unanswered request counts as lost.
        reconnect_min_s, reconnect_max_s: seconds before the first and between later attempts to connect.
        receipts: whether delivery receipts are asked for.
        default_alphabet: what data_coding 0 means there.
        gbk_data_coding: the data_coding that means GBK there (SMSCs in China use 15); 0: none.
        long_texts: how texts of several parts are sent: UDH with 8- or 16-bit reference (3GPP TS 23.040
            §9.2.3.24), SAR parameters (SMPP 3.4 §5.3.2.22), or whole in message_payload (§5.3.2.32).
    """

    name: Label
    host: Host
    port: Port
    system_id: Annotated[str, Meta(pattern=r"^[!-~]{1,15}\Z", description="1 to 15 printable ASCII characters")]
    password: SmppPassword
    service_number: Digits
    bind: Bind = Bind.TRANSCEIVER
    system_type: Annotated[str, Meta(pattern=r"^[ -~]{0,12}\Z", description="at most 12 printable ASCII characters")] = ""
    address_range: Annotated[str, Meta(pattern=r"^[!-~]{0,40}\Z", description="at most 40 printable ASCII characters")] = ""
    interface_version: Octet = 0x34
    source_ton: Ton = 0
    source_npi: Npi = 1
    dest_ton: Ton = 1
    dest_npi: Npi = 1
    country: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,2}\Z", description='1 to 3 digits in quotes, such as "86"')] = "86"
    window: Annotated[int, Meta(ge=1, le=10_000)] = 50
    rate_per_s: Annotated[float, Meta(ge=0, le=100_000)] = 0
    tls: bool = False
    tls_ca: Path | None = None
    tls_verify: bool = True
    enquire_link_s: Seconds = 30
    response_s: Seconds = 10
    reconnect_min_s: Seconds = 1
    reconnect_max_s: Seconds = 60
    receipts: bool = True
    default_alphabet: Alphabet = "gsm7"
    gbk_data_coding: Octet = 15
    long_texts: Literal["udh8", "udh16", "sar", "payload"] = "udh8"

    @property
    def national(self) -> dict[int, str]:
        """Alphabets by data_coding that this SMSC has beside those of the standard."""
        return {self.gbk_data_coding: "gb18030"} if self.gbk_data_coding else {}


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is stored.

    Attributes:
        url: SQLAlchemy URL of SQLite or PostgreSQL.
        pool: connections to PostgreSQL that one process keeps open for pages and API, beside two of its own.
    """

    url: DatabaseUrl = DatabaseUrl("sqlite:///var/shouwen.db")
    pool: Annotated[int, Meta(ge=1, le=200)] = 8

    @property
    def queries(self) -> int:
        """Queries of pages and API that run at once, each on a connection of its own."""
        return self.pool if self.url.path is None else 4


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """How commands are gathered into commits.

    Attributes:
        batch_max: commands in one commit, at most.
        queue_max: texts received and not yet stored, at most; one more is refused with ESME_RX_T_APPN, and
            the SMSC brings it again.
    """

    batch_max: Annotated[int, Meta(ge=1, le=10_000)] = 500
    queue_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000


class Web(msgspec.Struct, frozen=True, kw_only=True):
    """Pages and the JSON API.

    Attributes:
        listen: where the server listens.
        tokens: bearer tokens of the API by the name that the timeline shows as the doer.
    """

    listen: Endpoint = Endpoint("127.0.0.1", 8080)
    tokens: dict[Label, Secret] = {}


class SimulatedBilling(msgspec.Struct, frozen=True, kw_only=True):
    """The operator that is played in this process, for demos and tests.

    Attributes:
        credit_fen: what each subscriber has to spend, in fen.
        delay_ms: milliseconds that each answer takes.
        refuse_next: so many calls are refused after the start.
        refuse_reason: why they are.
    """

    credit_fen: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 100_000
    delay_ms: Annotated[int, Meta(ge=0, le=600_000)] = 0
    refuse_next: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    refuse_reason: Literal["no_credit", "blocked", "unknown_subscriber", "price", "limit", "other"] = "other"


class Billing(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's billing.

    Attributes:
        adapter: which interface it has.
        concurrent: subscribers whose orders may be with the operator at once.
        first_wait_s, longest_wait_s: seconds before the first other try and between later ones, at most.
        deadline_s: seconds after which an unanswered try has failed.
        slow_after_s: seconds after which the subscriber is told that his order takes longer.
        give_up_h: hours after which an order without answer waits for a person as a dead letter.
        simulated: settings of that adapter.
    """

    adapter: Literal["simulated"] = "simulated"
    concurrent: Annotated[int, Meta(ge=1, le=10_000)] = 100
    first_wait_s: Seconds = 0.5
    longest_wait_s: Seconds = 60
    deadline_s: Seconds = 20
    slow_after_s: Seconds = 10
    give_up_h: Annotated[float, Meta(gt=0, le=24 * 31)] = 48
    simulated: SimulatedBilling = SimulatedBilling()


class TextFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where the texts are.

    Attributes:
        dir: folder of messages.zh.toml, messages.en.toml, prompts.zh.toml, prompts.en.toml and words.toml.
    """

    dir: Path = PACKAGED_TEXTS


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged to standard error.

    Attributes:
        level: the least that is logged.
        format: "text" for people, "json" for machines, one object a line.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All of shouwen.toml.

    Attributes:
        zone: the zone of days, hours and working days; storage is UTC whatever it is.
        database, ledger, web, billing, rules, ivr, asterisk, ami, queue, hours, texts, log: the tables of those names.
            Without [ami] there is no link to it: no agents, no call-backs.
        phone, topic: the `[[phone]]` and `[[topic]]` tables, in order.
        testing, route, test_plan: the tables of test calls.
        smsc: the `[[smsc]]` tables, in order.
        service: the `[[service]]` tables, in order.
    """

    zone: ZoneInfo = ZoneInfo("Asia/Shanghai")
    database: Database = Database()
    ledger: Ledger = Ledger()
    smsc: tuple[Smsc, ...] = ()
    web: Web = Web()
    billing: Billing = Billing()
    ivr: Ivr = Ivr()
    asterisk: Asterisk = Asterisk()
    ami: Ami | None = None
    queue: Queue = Queue()
    hours: Hours = Hours()
    phone: tuple[Phone, ...] = ()
    topic: tuple[Topic, ...] = ()
    testing: Testing = Testing()
    route: tuple[Route, ...] = ()
    test_plan: tuple[TestPlan, ...] = ()
    texts: TextFiles = TextFiles()
    log: Log = Log()
    rules: Rules = Rules()
    service: tuple[Service, ...] = ()

    @property
    def hotline(self) -> str:
        """The number that people ring, as texts name it."""
        return self.ivr.number

    @property
    def number(self) -> str:
        """The service number named to a subscriber who has texted none yet: the first SMSC's, or ""."""
        return self.smsc[0].service_number if self.smsc else ""

    def catalogue(self) -> Catalogue:
        """The services, by code."""
        return Catalogue(self.service)

    def call_rules(self) -> CallRules:
        """The figures of calls for the domain."""
        ivr, queue = self.ivr, self.queue
        return CallRules(
            survey=queue.survey,
            call_back_tries=queue.call_back_tries,
            call_back_every_min=queue.call_back_every_min,
            proof_tries=ivr.proof_tries,
            proof_valid_min=ivr.proof_valid_min,
        )
