"""Values that a settings file writes as text: secrets, addresses, database URLs, zones, files.

Each has a reader `(text, folder of the settings file) -> value` that raises ValueError with what is allowed.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from ipaddress import IPv6Address, ip_network
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from conf.suggest import did_you_mean


class Secret(str):
    """Text that is never shown: its repr is `***`, and so is its value in a report of mistakes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


class SmppPassword(Secret):
    """A bind password; longer ones would be cut on the wire. Source: SMPP 3.4 §4.1.1 (9 octets with the final NUL)."""

    __slots__ = ()


class Endpoint(NamedTuple):
    """Where a server listens: a host name or address, and a TCP port (0: any free one)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Network(str):
    """An IP network, or one address, in CIDR form: "192.0.2.0/24", "192.0.2.7/32"."""

    __slots__ = ()


Url = Annotated[str, "an http or https address to post to"]
"""Its path may be a key: of a wrong one, only the host is shown."""


class DatabaseUrl(str):
    """An SQLAlchemy URL of SQLite or PostgreSQL; its repr hides the password.

    Attributes:
        dialect: "sqlite" or "postgresql".
        path: the file of a SQLite database, None otherwise.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return without_password(self)

    @property
    def dialect(self) -> str:
        """The database's kind, "sqlite" or "postgresql"."""
        return self.partition(":")[0].partition("+")[0]

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database, None for PostgreSQL."""
        return Path(self.removeprefix(SQLITE)) if self.startswith(SQLITE) else None


SQLITE = "sqlite:///"
URL_FORMS = "allowed are sqlite:///FILE and postgresql+psycopg://USER:PASSWORD@HOST/NAME"


def without_password(url: str) -> str:
    """The URL with user name and password replaced by `***`, also where it is misspelt."""
    if "@" not in url:
        return re.sub(r"^(?!sqlite)([^:]*:/*[^/:]*):(?!\d+(/|$)).*", r"\1:***", url)
    scheme, found, rest = url.partition("//")
    return f"{scheme}//***@{rest.rpartition('@')[2]}" if found else f"***@{url.rpartition('@')[2]}"


def host_alone(url: str) -> str:
    """The URL without what may be a key or a password, also where it is misspelt."""
    scheme, found, rest = url.partition("//") if "//" in url else ("", "", url)
    rest = f"***@{rest.rpartition('@')[2]}" if "@" in rest else rest
    host, *more = re.split(r"[/?#]", rest, maxsplit=1)
    return f"{scheme}{found}{host}{'/…' if more else ''}"


def _secret(text: str, _folder: Path) -> Secret:
    if not text:
        raise ValueError("is empty; allowed: text of at least one character")
    return Secret(text)


def _smpp_password(text: str, _folder: Path) -> SmppPassword:
    if len(text) > 8 or not text.isascii() or not text.isprintable():
        raise ValueError("allowed: at most 8 printable ASCII characters (SMPP 3.4 §4.1.1)")
    return SmppPassword(text)


def _endpoint(text: str, _folder: Path) -> Endpoint:
    host, found, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    plain = host.strip("[]") if bracketed else host
    if not found or not plain or any(c.isspace() for c in plain) or (":" in plain) != bracketed:
        raise ValueError('allowed: HOST:PORT, such as "127.0.0.1:8080" or "[::1]:8080"')
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65535):
        raise ValueError("allowed: HOST:PORT with a port from 0 to 65535 (0: any free one)")
    return Endpoint(plain, int(port))


def _network(text: str, _folder: Path) -> Network:
    try:
        return Network(ip_network(text))
    except ValueError:
        raise ValueError('allowed: an address or a network, such as "192.0.2.7" or "192.0.2.0/24"') from None


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?")


def is_host(text: str) -> bool:
    """Whether this is a host's name, an IPv4 address, or an IPv6 address in brackets, all as a URL has them."""
    if not text.startswith("["):
        return _HOST.fullmatch(text) is not None
    try:
        return text.endswith("]") and bool(IPv6Address(text[1:-1]))
    except ValueError:
        return False


_SUCH = 'allowed: an http or https address, such as "https://ops.example.com/alarm"'


def _url(text: str, _folder: Path) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"holds what is not ASCII, or a space: write it percent-encoded, a name as xn--…; {_SUCH}")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"is no address, or has no port from 1 to 65535; {_SUCH}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"does not begin with https:// or http://; {_SUCH}")
    if "@" in parts.netloc:
        raise ValueError(f"holds a user or a password, which would not be sent; {_SUCH}")
    if port == 0 or parts.netloc.endswith(":") or not is_host(f"[{host}]" if "[" in parts.netloc else host):
        raise ValueError(f"names no host, or port 0; {_SUCH}")
    return text


def _database_url(text: str, folder: Path) -> DatabaseUrl:
    if text.startswith("sqlite"):
        return _sqlite_url(text, folder)
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"is no database URL; {URL_FORMS}") from None
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise ValueError(f"has an unknown scheme {url.drivername!r}; {URL_FORMS}")
    if not url.database:
        raise ValueError(f"names no database; {URL_FORMS}")
    return DatabaseUrl(url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False))


def _sqlite_url(text: str, folder: Path) -> DatabaseUrl:
    name = text.removeprefix(SQLITE)
    if name == text:
        raise ValueError("allowed: sqlite:///FILE (relative to this file) or sqlite:////ABSOLUTE/FILE")
    if not name or name.startswith(":memory:"):
        raise ValueError("names no file; a database in memory would lose everything; allowed: sqlite:///FILE")
    if "?" in name:
        raise ValueError("takes no options after '?'; allowed: sqlite:///FILE")
    return DatabaseUrl(f"{SQLITE}{folder / name}")


def _zone(text: str, _folder: Path) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        hint = did_you_mean(text, zoneinfo.available_timezones())
        raise ValueError(f'is no known zone{hint}; allowed: a name of the IANA database, such as "Asia/Shanghai"') from None


def _path(text: str, folder: Path) -> Path | None:
    return folder / text if text else None


READERS: dict[Any, Callable[[str, Path], Any]] = {
    Secret: _secret,
    SmppPassword: _smpp_password,
    Endpoint: _endpoint,
    Network: _network,
    Url: _url,
    DatabaseUrl: _database_url,
    ZoneInfo: _zone,
    Path: _path,
}
"""How each type is read from text. A `Path` written as "" is None; the decoder refuses that where None is not allowed."""
