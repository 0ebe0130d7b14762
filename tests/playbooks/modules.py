"""Runs a module as Ansible does, but in this process."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

Object = dict[str, Any]


class Module:
    """A module's ``main``; what it is given (None: is not given), and what it answers."""

    def __init__(
        self, main: Callable[[], None], capsys: pytest.CaptureFixture[str], **defaults: Any
    ) -> None:
        self._main = main
        self._capsys = capsys
        self._defaults = defaults

    def __call__(self, *, check: bool = False, **given: Any) -> Object:
        """Return the result of a run that succeeds."""
        result = self._run(check, given)
        assert not result.get("failed"), result["msg"]
        return result

    def fails(self, *, check: bool = False, **given: Any) -> str:
        """Return the message of a run that fails."""
        result = self._run(check, given)
        assert result["failed"]
        assert "Traceback" not in json.dumps(result)
        message: str = result["msg"]
        return message

    def _run(self, check: bool, given: Object) -> Object:
        named = {**self._defaults, **given}
        arguments = {name: value for name, value in named.items() if value is not None}
        arguments["_ansible_check_mode"] = check
        self._capsys.readouterr()
        with patch_module_args(arguments), pytest.raises(SystemExit):
            self._main()
        result: Object = json.loads(self._capsys.readouterr().out)
        return result
