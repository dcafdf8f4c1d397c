"""`python -m tests.kit.dying COMMITS serve …`: the service, which is killed right after a commit that stored texts.

Between commit and acknowledgement is the one moment at which a text is stored and nobody knows.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from hotline import cli
from hotline.domain.commands import ReceiveText
from hotline.ledger import Ledger


def die_after(commits: int) -> None:
    """Have the ledger end this process after so many commits with texts in them."""
    left, real = [commits], Ledger._commit

    def commit(self: Ledger, batch: Any) -> Any:
        committed = real(self, batch)
        left[0] -= any(isinstance(command, ReceiveText) for command, _ in batch)
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return committed

    Ledger._commit = commit  # type: ignore[method-assign]


if __name__ == "__main__":
    die_after(int(sys.argv[1]))
    sys.exit(cli.main(sys.argv[2:]))
