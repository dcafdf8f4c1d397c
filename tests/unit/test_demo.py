"""The demo leaves nothing behind when it can't be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from hotline import demo


class Reactor(MemoryReactorClock):
    """Finds a free port, as a real one does."""

    def listenTCP(self, port: int, *args: Any, **more: Any) -> Any:
        return super().listenTCP(port or 2775, *args, **more)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("broken", ["upgrade", "App"])
def test_a_demo_that_cannot_be_made_leaves_no_folder(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(demo.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo, broken, fail)
    with pytest.raises(RuntimeError):
        demo.Demo(Reactor())
    assert list(tmp_path.iterdir()) == []
