#!/usr/bin/python
from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import msgspec

    from canary import releases, verbs
    from canary.cluster import Deployed, KubernetesCluster, UnreachableError
    from canary.holder import holder, is_alive
except ImportError:
    HAS_PROJECT = False
else:
    HAS_PROJECT = True

DOCUMENTATION = r"""
module: canary_releases
short_description: Read and write what runs, what is under way, and the history of releases
description:
  - The run under way and the history are in a ConfigMap in the namespace. A write fails when
    somebody else has just written.
  - Needs the project on C(PYTHONPATH).
options:
  context:
    description: Context of the kubeconfig; the current one when empty.
    type: str
    default: ""
  namespace:
    description: Namespace of the app.
    type: str
    required: true
  action:
    description:
      - V(look) changes nothing.
      - V(begin) begins a run; it fails while there is another.
      - V(recover) takes over a run that was interrupted, to be brought to its end.
      - V(promote) takes over a run that waits, or whose promotion was interrupted. Nothing is under
        way afterwards when what runs was promoted already.
      - V(roll back) takes over a run, whoever holds it, or begins to go back behind the last
        promotion. Nothing is under way afterwards when there is nothing to go back behind.
      - V(move) notes another phase of the run; it fails when somebody has ended the run.
      - V(finish) ends the run, and adds to the history.
    type: str
    choices: [look, begin, recover, promote, roll back, move, finish]
    default: look
  run_id:
    description: The run; needed for V(move) and V(finish).
    type: str
  phase:
    description: What the run does now; needed for V(move).
    type: str
    choices: [testing, waiting, promoting, stopping, rolling back]
  verdict:
    description: The judge's verdict with its reasons, for V(move).
    type: str
  model_versions:
    description: Model versions of the image that is tried, for V(move).
    type: list
    elements: str
  seconds:
    description: The longest that the run can take from now on, for what begins or takes one.
    type: int
    default: 3600
  canary_image:
    description: The image that is tried; needed for V(begin).
    type: str
  override:
    description: Whether V(promote) promotes what has not passed.
    type: bool
    default: false
  wanted_image:
    description: What a deployment would put in the place of what runs, for V(look).
    type: str
    default: ""
  is_explicit:
    description: Whether somebody has asked for exactly that image.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Note that the promotion begins
  canary_releases:
    namespace: breast-cancer
    action: move
    run_id: "{{ canary_run.run.id }}"
    phase: promoting
    verdict: pass
"""

RETURN = r"""
tracks:
  description: Image and pods of what is deployed, by V(stable) and V(canary), as it is after that.
  returned: always
  type: dict
run:
  description: What is under way; empty when nothing is.
  returned: always
  type: dict
target:
  description: The image that the stable track runs when the run has ended.
  returned: always
  type: str
is_interrupted:
  description: Whether the playbook that had the run is gone.
  returned: always
  type: bool
history:
  description: The entries, the oldest first.
  returned: always
  type: list
  elements: dict
kept_image:
  description: The image that stays, though another is wanted; empty when it need not.
  returned: always
  type: str
kept_reason:
  description: Why it stays.
  returned: always
  type: str
"""

Object = dict[str, Any]


def stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")


def change(
    given: Object, before: releases.Releases, tracks: dict[str, Deployed]
) -> releases.Releases:
    """Return what the action makes of the releases."""
    now, who, action = time.time(), holder(), given["action"]
    stable = tracks["stable"].image
    interrupted = verbs.is_interrupted(before.run, now, is_alive)
    id = f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    claim = verbs.Claim(id, stamp(now), now + given["seconds"], who)
    match action:
        case "begin":
            return verbs.begin(before, claim, stable, given["canary_image"])
        case "recover":
            return verbs.recover(before, claim, interrupted)
        case "promote":
            return verbs.promote(before, claim, stable, interrupted, given["override"])
        case "roll back":
            beside = tracks["canary"].image if "canary" in tracks else ""
            return verbs.roll_back(before, claim, stable, beside)
        case "move":
            found = given["verdict"], given["model_versions"]
            return verbs.move(before, given["run_id"], given["phase"], *found)
        case "finish":
            return verbs.finish(before, given["run_id"], stable, stamp(now), str(who))
    return before


def answer(given: Object, after: releases.Releases, tracks: dict[str, Deployed]) -> Object:
    kept, reason = releases.kept_image(after, tracks["stable"].image, given["wanted_image"])
    if kept and after.run and given["is_explicit"]:
        raise releases.RefusedError(
            f"The canary {after.run.canary_image} is under way: playbooks/promote.yml or"
            " playbooks/rollback.yml first"
        )
    found: Object = msgspec.to_builtins(after)
    return {
        "tracks": msgspec.to_builtins(tracks),
        "run": found["run"] or {},
        "target": after.run.target if after.run else "",
        "is_interrupted": verbs.is_interrupted(after.run, time.time(), is_alive),
        "history": found["history"],
        "kept_image": "" if given["is_explicit"] else kept,
        "kept_reason": reason,
    }


def deployed(cluster: KubernetesCluster) -> dict[str, Deployed]:
    tracks = cluster.deployed()
    if "stable" not in tracks:
        raise releases.RefusedError(
            f"Nothing runs in the namespace {cluster.namespace} yet: site.yml with the same"
            " inventory comes first"
        )
    return tracks


def act(given: Object, is_check: bool) -> tuple[bool, Object]:
    """Return whether anything was changed, and how it stands then."""
    cluster = KubernetesCluster(given["context"], given["namespace"])
    store = releases.Store(cluster)
    before, tracks = store.read(), deployed(cluster)
    if given["action"] == "look":
        return False, answer(given, before, tracks)
    if is_check:
        change(given, before, tracks)
        return False, answer(given, before, tracks)
    after = store.update(lambda found: change(given, found, tracks))
    return after != before, answer(given, after, deployed(cluster))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "context": {"default": ""},
            "namespace": {"required": True},
            "action": {
                "choices": ["look", "begin", "recover", "promote", "roll back", "move", "finish"],
                "default": "look",
            },
            "run_id": {},
            "phase": {"choices": ["testing", "waiting", "promoting", "stopping", "rolling back"]},
            "verdict": {},
            "model_versions": {"type": "list", "elements": "str"},
            "seconds": {"type": "int", "default": 3600},
            "canary_image": {},
            "override": {"type": "bool", "default": False},
            "wanted_image": {"default": ""},
            "is_explicit": {"type": "bool", "default": False},
        },
        required_if=[
            ("action", "begin", ["canary_image"]),
            ("action", "move", ["run_id", "phase"]),
            ("action", "finish", ["run_id"]),
        ],
        supports_check_mode=True,
    )
    if not HAS_PROJECT:
        module.fail_json(msg=missing_required_lib("canary"))
    try:
        changed, result = act(module.params, module.check_mode)
    except (releases.RefusedError, UnreachableError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, **result)


if __name__ == "__main__":
    main()
