"""A FastAGI server for tests of the dialplan: each script is a function that sends commands, in a thread of its own.

def hotline(call: AgiCall) -> None:
    call.send("SET VARIABLE TIMEOUT(absolute) 0")
    call.send("SET VARIABLE SHOUWEN_NEXT queue")

with AgiServer(asterisk.agi.port, hotline=hotline) as server: ...       # a script that is not named is closed at once
server.asked                                                            # [("hotline", []), ("after", ["queue", …])]

The dialplan's watch is closed at once, and not among those asked, unless "check" is named.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Self


class AgiCall:
    """One connection from Asterisk."""

    def __init__(self, connection: socket.socket) -> None:
        """Read what Asterisk says of the call."""
        self._file = connection.makefile("rwb", buffering=0)
        self.at = time.time()
        self.env: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            self.env[name] = value.strip()
        self.script = self.env.get("agi_network_script", "")
        self.args = [value for name, value in self.env.items() if name.startswith("agi_arg_")]
        while self.args and not self.args[-1]:
            self.args.pop()

    def send(self, command: str) -> str:
        """The first line of Asterisk's answer; "" when it has closed the connection."""
        self._file.write(command.encode() + b"\n")
        return str(self._file.readline().decode().strip())


class AgiServer:
    """Listens until the block ends."""

    def __init__(self, port: int, **scripts: Callable[[AgiCall], None]) -> None:
        """Listen on 127.0.0.1."""
        self._scripts = scripts
        self.asked: list[tuple[str, list[str]]] = []
        self.calls: list[AgiCall] = []
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._listen, daemon=True).start()

    def scripts(self) -> list[str]:
        """The scripts that were asked for, in order."""
        return [script for script, _ in self.asked]

    def stop(self) -> None:
        """As if the process had died: nothing listens any more, and all connections are cut."""
        for each in (self._socket, *self._open):
            try:
                each.shutdown(socket.SHUT_RDWR)  # a close alone would leave it to the thread that waits on it
            except OSError:
                continue  # it is closed already
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                call = AgiCall(connection)
                if call.script != "check" or "check" in self._scripts:
                    self.calls.append(call)
                    self.asked.append((call.script, call.args))
                if script := self._scripts.get(call.script):
                    script(call)
                connection.shutdown(socket.SHUT_RDWR)  # a close alone would leave it to the file that is made of it
            except (OSError, ValueError):
                return  # Asterisk has closed it
