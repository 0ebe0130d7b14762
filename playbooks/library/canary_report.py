#!/usr/bin/python
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import msgspec

    from canary.observation import Observation
    from canary.report import Report, Step, concluded, html, table
    from canary.thresholds import Thresholds
    from canary.verdict import Outcome
except ImportError:
    HAS_PROJECT = False
else:
    HAS_PROJECT = True

DOCUMENTATION = r"""
module: canary_report
short_description: Write the report of a canary, as JSON and as a page, and return it as a table
description:
  - Needs the project on C(PYTHONPATH).
options:
  directory:
    description: Directory to write to; it is made when it is not there.
    type: path
    required: true
  run:
    description: The run, as M(canary_releases) returns it.
    type: dict
    required: true
  namespace:
    description: Namespace of the app.
    type: str
    required: true
  windows:
    description: What the steps have seen, as M(canary_step) returns it.
    type: list
    elements: dict
    default: []
  steps:
    description: The steps, as M(canary_step) returns them.
    type: list
    elements: dict
    default: []
  outcome:
    description: What the run came to in the end.
    type: str
    choices: [pass, fail, inconclusive, error]
    required: true
  reasons:
    description: Why; those that are not the judge's own are put before his.
    type: list
    elements: str
    default: []
  decision:
    description: What has become of the canary.
    type: str
    required: true
  thresholds:
    description: Limits of the judge that were not its defaults.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Write the report
  canary_report:
    directory: var/canary
    run: "{{ canary_run.run }}"
    namespace: breast-cancer
    windows: "{{ canary_seen.windows }}"
    steps: "{{ canary_seen.steps }}"
    outcome: pass
    decision: promoted
"""

RETURN = r"""
table:
  description: The report for the terminal.
  returned: always
  type: str
json:
  description: Path of the report as JSON.
  returned: always
  type: str
page:
  description: Path of the report as a page.
  returned: always
  type: str
"""


def report(given: dict[str, Any]) -> Report:
    steps = msgspec.convert(given["steps"], list[Step])
    return Report(
        run=given["run"]["id"],
        started=given["run"]["started"],
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        namespace=given["namespace"],
        stable_image=given["run"]["stable_image"],
        canary_image=given["run"]["canary_image"],
        steps=steps,
        windows=msgspec.convert(given["windows"], list[Observation]),
        verdict=concluded(steps, Outcome(given["outcome"]), given["reasons"]),
        decision=given["decision"],
        thresholds=Thresholds.merged(given["thresholds"]),
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "run": {"type": "dict", "required": True},
            "namespace": {"required": True},
            "windows": {"type": "list", "elements": "dict", "default": []},
            "steps": {"type": "list", "elements": "dict", "default": []},
            "outcome": {"choices": ["pass", "fail", "inconclusive", "error"], "required": True},
            "reasons": {"type": "list", "elements": "str", "default": []},
            "decision": {"required": True},
            "thresholds": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    if not HAS_PROJECT:
        module.fail_json(msg=missing_required_lib("canary"))
    directory = Path(module.params["directory"])
    try:
        written = report(module.params)
    except (ValueError, LookupError) as error:
        module.fail_json(msg=f"This is nothing to report on: {type(error).__name__}: {error}")
    as_json, page = directory / f"{written.run}.json", directory / f"{written.run}.html"
    if not module.check_mode:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            as_json.write_bytes(msgspec.json.format(msgspec.json.encode(written)))
            page.write_text(html(written), encoding="utf-8")
        except OSError as error:
            module.fail_json(msg=f"The report cannot be written: {error}")
    module.exit_json(changed=True, table=table(written), json=str(as_json), page=str(page))


if __name__ == "__main__":
    main()
