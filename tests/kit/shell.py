"""Shouwen from outside: its command line, a folder of settings of one's own, and programs that run beside the test."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SHOUWEN = (sys.executable, "-m", "hotline.cli")
ROOT = Path(__file__).parents[2]


def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a subcommand to its end."""
    return subprocess.run([*SHOUWEN, *map(str, words)], capture_output=True, text=True, timeout=60, cwd=ROOT, **options)


class Program:
    """A subcommand that runs until it is ended; `first` is the first line that it printed, "" when it ended before."""

    def __init__(self, *words: object) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*SHOUWEN, *map(str, words)], stdout=pipe, stderr=pipe, text=True, cwd=ROOT)
        assert self.process.stdout
        self.first = self.process.stdout.readline()

    def end(self, by: int = signal.SIGTERM) -> tuple[int, float, str]:
        """Send a signal; returns the exit status, the seconds it took, and standard error."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(by)
        try:
            _, said = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, time.monotonic() - began, said


@contextmanager
def program(*words: object) -> Iterator[Program]:
    """A program that is ended with the block, whatever happens."""
    made = Program(*words)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()


@contextmanager
def simulated_smsc(*options: str) -> Iterator[tuple[int, str]]:
    """A simulated SMSC; gives its SMPP port and the URL of its control port."""
    with program("simulate", "smsc", "--port", "0", "--control", "127.0.0.1:0", *options) as made:
        ready = json.loads(made.first)
        yield ready["smpp"]["port"], f"http://127.0.0.1:{ready['control']['port']}"


def http(method: str, url: str, body: Any = None) -> Any:
    """The JSON that a request is answered with."""
    content = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, content, method=method), timeout=5) as answer:
        return json.load(answer)


def until(look: Callable[[], Any], seconds: float = 10) -> Any:
    """What `look` returns as soon as that is true."""
    ends = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.05)
    return seen


def initialised(folder: Path, smpp_port: int = 1, web: str = "127.0.0.1:0", **replaced: str) -> Path:
    """`shouwen init`, then the edit that a newcomer without an Asterisk makes; returns shouwen.toml."""
    made = run("init", folder)
    assert made.returncode == 0, made.stderr
    config = folder / "shouwen.toml"
    text = config.read_text("utf-8").replace("port = 2775", f"port = {smpp_port}")
    text = text.replace('#listen = "127.0.0.1:4573"', 'listen = "127.0.0.1:0"')
    text = text.replace('#listen = "127.0.0.1:8080"', f'listen = "{web}"').replace("#response_s = 10", "response_s = 1")
    text = re.sub(r"(?m)^\[ami\]\n(.+\n)*", "", text)
    for key, value in replaced.items():
        old = next(line for line in text.splitlines() if line.removeprefix("#").startswith(f"{key} = "))
        text = text.replace(old, f"{key} = {value}", 1)
    config.write_text(text, "utf-8")
    return config


def upgraded(folder: Path, **options: Any) -> Path:
    """The same with a database."""
    config = initialised(folder, **options)
    made = run("db", "upgrade", "--config", config)
    assert made.returncode == 0, made.stderr
    return config
