"""The commands behind the canary playbooks; all but `thresholds` print JSON."""

import argparse
import json
import secrets
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bc_model import __version__
from canary import transitions
from canary.cluster import Deployed, KubernetesCluster, UnreachableError
from canary.generator import MOST_SECONDS
from canary.lease import holder, is_alive
from canary.store import RefusedError, Releases, Store, kept_image

Object = dict[str, Any]
Input = TypeVar("Input")

DESCRIPTION = f"""{__doc__}
The role `canary` runs them; people start playbooks/canary.yml, promote.yml, rollback.yml and
status.yml. `check`, `step` and `report` read their input as JSON from standard input."""

EXAMPLES = """examples:
  python -m canary thresholds
  python -m canary status --namespace breast-cancer
  echo '{"steps": [{"replicas": 1, "duration": 60}], "rate": 0, "url": ""}' | python -m canary check
"""

APP_NAMESPACE = "breast-cancer"
PHASES = ("testing", "waiting", "promoting", "stopping", "rolling back")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, 1 with the reason on standard error, or 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        outcome = options.run(options)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 128 + signal.SIGINT
    except (RefusedError, UnreachableError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(outcome if isinstance(outcome, str) else json.dumps({"changed": False, **outcome}))
    return 0


# SciPy and Jinja take a second to import, and a rollback does without them.


def _thresholds(_: argparse.Namespace) -> str:
    from canary.thresholds import described

    rows = (f"| `{name}` | {default:g} | {why} |" for name, default, why in described())
    return "\n".join(("| threshold | default | why |", "|---|---|---|", *rows))


def _check(_: argparse.Namespace) -> Object:
    from canary.steps import Settings, problems

    if found := list(problems(_input(Settings))):
        raise ValueError("\n".join(found))
    return {}


def _step(options: argparse.Namespace) -> Object:
    from canary.steps import Task, take

    seen: Object = msgspec.to_builtins(take(_cluster(options), _input(Task)))
    return seen


def _report(options: argparse.Namespace) -> Object:
    from canary.report import Ended, write

    written = write(_input(Ended), options.namespace, options.directory, options.dry_run)
    return {"changed": True, **written}


def _status(options: argparse.Namespace) -> Object:
    from canary.status import status

    if not 0 <= options.seconds <= MOST_SECONDS:
        raise ValueError(f"seconds: {options.seconds:g} is not from 0 to {MOST_SECONDS}")
    cluster = _cluster(options)
    images = {track: found.image for track, found in cluster.deployed().items()}
    return {"status": status(cluster, Store(cluster).read(), images, options.seconds)}


def _kept(options: argparse.Namespace) -> Object:
    cluster = _cluster(options)
    tracks = cluster.deployed()
    if "stable" not in tracks:
        return {"image": "", "reason": ""}
    found = Store(cluster).read()
    image, reason = kept_image(found, tracks["stable"].image, options.image)
    if image and found.run and options.explicit:
        raise RefusedError(
            f"The canary {found.run.canary_image} is under way: run playbooks/promote.yml or"
            " playbooks/rollback.yml first"
        )
    return {"image": "" if options.explicit else image, "reason": reason}


def _releases(options: argparse.Namespace) -> Object:
    """Change the releases, unless it is to be a dry run, and return them and what is deployed."""
    cluster = _cluster(options)
    store = Store(cluster)
    before, tracks = store.read(), _deployed(cluster)
    after = before
    if options.action == "look":
        pass
    elif options.dry_run:
        _change(options, before, tracks)
    else:
        after = store.update(lambda found: _change(options, found, tracks))
        tracks = _deployed(cluster)
    return {
        "changed": after != before,
        "tracks": msgspec.to_builtins(tracks),
        "run": msgspec.to_builtins(after.run) or {},
        "target": after.run.target if after.run else "",
        "is_interrupted": transitions.is_interrupted(after.run, time.time(), is_alive),
        "history": msgspec.to_builtins(after.history),
    }


def _change(options: argparse.Namespace, before: Releases, tracks: dict[str, Deployed]) -> Releases:
    """Return what the action makes of the releases."""
    now, who, stable = time.time(), holder(), tracks["stable"].image
    interrupted = transitions.is_interrupted(before.run, now, is_alive)
    moment = datetime.fromtimestamp(now, UTC)
    stamp = moment.isoformat(timespec="seconds")
    id = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    claim = transitions.Claim(id, stamp, now + getattr(options, "seconds", 0), who)
    match options.action:
        case "begin":
            return transitions.begin(before, claim, stable, options.image)
        case "recover":
            return transitions.recover(before, claim, interrupted)
        case "promote":
            return transitions.promote(before, claim, stable, interrupted, options.override)
        case "roll-back":
            beside = tracks["canary"].image if "canary" in tracks else ""
            return transitions.roll_back(before, claim, stable, beside)
        case "move":
            versions = None if options.models is None else options.models.split()
            return transitions.move(before, options.id, options.phase, options.verdict, versions)
        case _:
            return transitions.finish(before, options.id, stable, stamp, str(who))


def _deployed(cluster: KubernetesCluster) -> dict[str, Deployed]:
    tracks = cluster.deployed()
    if "stable" not in tracks:
        raise RefusedError(
            f"Nothing runs in the namespace {cluster.namespace} yet: run site.yml with the same"
            " inventory first"
        )
    return tracks


def _cluster(options: argparse.Namespace) -> KubernetesCluster:
    return KubernetesCluster(options.context, options.namespace)


def _input(kind: type[Input]) -> Input:
    """Return what standard input has; Ansible may give numbers as text."""
    return msgspec.json.decode(sys.stdin.read(), type=kind, strict=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m canary",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--context", default="", help="context of the kubeconfig (default: current)"
    )
    parser.add_argument(
        "--namespace", default=APP_NAMESPACE, help="namespace of the app (default: %(default)s)"
    )
    parser.add_argument("--dry-run", action="store_true", help="check, but write nothing")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="action")

    def add(name: str, run: Callable[..., object], help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(run=run)
        return command

    add("thresholds", _thresholds, "list the judge's thresholds and the reasons for them")
    add("check", _check, "check the settings of a run")
    add("look", _releases, "show what is deployed, the run under way and the history")
    begin = add("begin", _releases, "begin a run")
    begin.add_argument("image", help="image to try")
    recover = add("recover", _releases, "take over an interrupted run")
    promote = add("promote", _releases, "take over a waiting run to promote its image")
    promote.add_argument("--override", action="store_true", help="even if it has not passed")
    roll_back = add("roll-back", _releases, "take over a run, or undo the last promotion")
    for taking in (begin, recover, promote, roll_back):
        taking.add_argument("--seconds", type=int, default=3600, help="longest time it can take")
    move = add("move", _releases, "note the phase of the run")
    move.add_argument("phase", choices=PHASES)
    move.add_argument("--verdict", help="the verdict with its reasons")
    move.add_argument("--models", help="model versions of the canary, separated by spaces")
    finish = add("finish", _releases, "end the run and add it to the history")
    for own in (move, finish):
        own.add_argument("--run-id", required=True, dest="id", help="id of the run")
    add("step", _step, "watch both tracks under traffic and judge the canary")
    report = add("report", _report, "write the report of a run")
    report.add_argument("--directory", type=Path, required=True, help="where to write it")
    status = add("status", _status, "show both tracks, the run under way and the history")
    status.add_argument("--seconds", type=float, default=3.0, help="how long to watch the pods")
    kept = add("kept", _kept, "show the deployed image if a deployment must not replace it")
    kept.add_argument("image", help="image to be deployed")
    kept.add_argument("--explicit", action="store_true", help="if the user named this image")
    return parser


if __name__ == "__main__":
    sys.exit(main())
