"""Runs ``python -m canary`` in this process."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from canary.__main__ import main

Object = dict[str, Any]


class Command:
    """Some words of a command, what it reads from standard input, and what it answers."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        *words: str,
        **given: Any,
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._words = words
        self._given = given

    def __call__(self, *words: str, check: bool = False, **given: Any) -> Object:
        """Return the answer of a run that succeeds."""
        status, said, refused = self._run(words, check, given)
        assert (status, refused) == (0, "")
        answer: Object = json.loads(said)
        return answer

    def fails(self, *words: str, check: bool = False, **given: Any) -> str:
        """Return the message of a run that fails; None in ``given`` is not given."""
        status, said, refused = self._run(words, check, given)
        assert (status != 0, said) == (True, "")
        return refused.rstrip("\n")

    def _run(self, words: tuple[str, ...], check: bool, given: Object) -> tuple[int, str, str]:
        named = {**self._given, **given}
        text = json.dumps({name: value for name, value in named.items() if value is not None})
        self._monkeypatch.setattr("sys.stdin", io.StringIO(text))
        self._capsys.readouterr()
        try:
            status = main([*(["--dry-run"] if check else []), *self._words, *words])
        except SystemExit as refused:
            status = int(refused.code or 0)
        return status, *self._capsys.readouterr()


New = Callable[..., Command]
