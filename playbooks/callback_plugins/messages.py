"""Prints the messages of debug tasks, and failures on standard error; nothing else of a play."""

import json
from typing import Any

import yaml
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: messages
type: stdout
short_description: Print only what debug tasks show, and failures
description:
  - For playbooks that answer a question, like status.yml.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible ships no types
    """Prints the ``msg`` of debug tasks as YAML, and that of failures on standard error."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "messages"

    def v2_runner_on_ok(self, result: Any) -> None:
        """Print what a debug task shows."""
        if result.task.action == "ansible.builtin.debug":
            message = json.loads(json.dumps(result.result["msg"]))  # without Ansible's string types
            text = (
                message
                if isinstance(message, str)
                else yaml.safe_dump(message, sort_keys=False, allow_unicode=True, width=1000)
            )
            self._display.display(text.rstrip("\n"))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Print why a task failed."""
        if not ignore_errors:
            text = result.result.get("msg", "failed without a message")
            self._display.display(f"{result.task.name}: {text}", stderr=True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Print why a host was not reached."""
        self.v2_runner_on_failed(result)
