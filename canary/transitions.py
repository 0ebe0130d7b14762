"""Move a run from state to state: each transition can be repeated, and says why it is refused."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import asdict, replace

from canary.store import Entry, Holder, RefusedError, Releases, Run, last_release
from canary.verdict import Outcome

LONGEST_HISTORY = 100
ACTIONS = {"promoting": "promoted", "stopping": "stopped", "rolling back": "rolled back"}
BY_HAND = "by hand"


class Claim(Struct, frozen=True):
    """A playbook's claim on a run that it begins or takes over; the fields are those of ``Run``."""

    id: str
    started: str
    expires: float
    holder: Holder


def begin(releases: Releases, claim: Claim, stable_image: str, canary_image: str) -> Releases:
    """Return the releases with a canary under way; RefusedError while there is another.

    One that waits for a decision may be tried anew.
    """
    other = releases.run
    if other and other.phase != "waiting":
        raise RefusedError(_busy(other))
    if other and other.canary_image != canary_image:
        raise RefusedError(
            f"The canary {other.canary_image} waits for a decision: playbooks/promote.yml or"
            " playbooks/rollback.yml"
        )
    run = Run(
        **asdict(claim), phase="testing", stable_image=stable_image, canary_image=canary_image
    )
    return replace(releases, run=run)


def is_interrupted(run: Run | None, now: float, is_alive: Callable[[Holder], bool]) -> bool:
    """Return whether the playbook that had a run is gone, as far as can be seen from here."""
    if run is None or run.phase == "waiting":
        return False
    return now >= run.expires or not is_alive(run.holder)


def recover(releases: Releases, claim: Claim, interrupted: bool) -> Releases:
    """Return the releases with the ``interrupted`` run taken over, to be brought to its end.

    What was decided is carried out; a canary that was still being tested is removed.
    """
    if not (releases.run and interrupted):
        raise RefusedError("Nothing is interrupted any more: try again")
    phase = "stopping" if releases.run.phase == "testing" else releases.run.phase
    return replace(releases, run=_taken(releases.run, claim, phase, "interrupted"))


def promote(
    releases: Releases, claim: Claim, deployed: str, interrupted: bool, override: bool
) -> Releases:
    """Return the releases with a promotion under way, of the waiting or ``interrupted`` canary.

    They do not change if its image is ``deployed`` already. ``override`` promotes a canary that has
    not passed.

    Raises:
        RefusedError: there is nothing to promote, or it has not passed.
    """
    run, last = releases.run, last_release(releases)
    if run is None:
        if last and (last.action, last.to_image) == ("promoted", deployed):
            return releases
        raise RefusedError("There is no canary to promote: playbooks/canary.yml tries one")
    if run.phase == "promoting" and interrupted:
        return recover(releases, claim, interrupted)
    if interrupted:
        raise RefusedError(
            f"The canary {run.canary_image} was interrupted while it was {run.phase}:"
            " playbooks/rollback.yml removes it, playbooks/canary.yml tries it again"
        )
    if run.phase != "waiting":
        raise RefusedError(_busy(run))
    if run.verdict != Outcome.PASS and not override:
        raise RefusedError(
            f"The canary {run.canary_image} has not passed ({run.verdict or 'no verdict'}):"
            " playbooks/rollback.yml removes it, -e canary_override=true promotes it"
            " anyway"
        )
    note = BY_HAND if run.verdict == Outcome.PASS else f"{BY_HAND}, overriding the verdict"
    return replace(releases, run=_taken(run, claim, "promoting", note))


def roll_back(releases: Releases, claim: Claim, deployed: str, beside: str) -> Releases:
    """Return the releases with the end of the canary, or else of the last promotion, under way.

    A run is taken whoever holds it; ``beside`` is the image of a canary that runs, and empty where
    none does. Nothing changes when there is nothing to undo.

    Raises:
        RefusedError: what was promoted last is not what is ``deployed``.
    """
    run, last = releases.run, last_release(releases)
    if run:
        phase = "rolling back" if run.phase == "rolling back" else "stopping"
        return replace(releases, run=_taken(run, claim, phase, BY_HAND))
    new = {**asdict(claim), "note": BY_HAND}
    if beside:
        orphan = Run(**new, phase="stopping", stable_image=deployed, canary_image=beside)
        return replace(releases, run=orphan)
    if not last or last.action != "promoted":
        return releases
    if last.to_image != deployed:
        raise RefusedError(
            f"Nothing was done: {deployed} runs, and not {last.to_image}, which was promoted on"
            f" {last.when}. To deploy what ran before that: playbooks/deploy.yml -e"
            f" app_image={last.from_image}"
        )
    back = Run(
        **new,
        phase="rolling back",
        stable_image=last.from_image,
        canary_image=last.to_image,
        model_versions=last.model_versions,
        verdict=last.verdict,
    )
    return replace(releases, run=back)


def move(
    releases: Releases,
    id: str,
    phase: str,
    verdict: str | None = None,
    model_versions: list[str] | None = None,
) -> Releases:
    """Return the releases with the run in another phase, and what was found out about it.

    RefusedError when it is not ours any more.
    """
    run = mine(releases, id)
    found = {"verdict": verdict, "model_versions": model_versions}
    known = {name: value for name, value in found.items() if value is not None}
    return replace(releases, run=replace(run, phase=phase, **known))


def finish(releases: Releases, id: str, deployed: str, when: str, who: str) -> Releases:
    """Return the releases with nothing under way, and the end of the run in the history.

    If its target is not ``deployed``, it has failed. RefusedError when it is not ours any more.
    """
    run = mine(releases, id)
    is_done = deployed == run.target
    images = run.canary_image, run.stable_image
    other = next((image for image in images if image != run.target), run.target)
    entry = Entry(
        when=when,
        who=who,
        action=ACTIONS[run.phase] if is_done else "stopped",
        from_image=other if is_done else run.target,
        to_image=deployed,
        model_versions=run.model_versions,
        verdict=run.verdict,
        note=run.note if is_done else f"{run.target} did not roll out",
    )
    return Releases(None, [*releases.history, entry][-LONGEST_HISTORY:])


def mine(releases: Releases, id: str) -> Run:
    """Return the run ``id``; RefusedError when somebody has ended it, or taken it."""
    if releases.run is None or releases.run.id != id:
        raise RefusedError("Somebody else has ended this canary: see playbooks/status.yml")
    return releases.run


def _taken(run: Run, claim: Claim, phase: str, note: str) -> Run:
    notes = run.note if note in run.note else ", ".join(filter(None, (run.note, note)))
    return replace(
        run, id=claim.id, expires=claim.expires, holder=claim.holder, phase=phase, note=notes
    )


def _busy(run: Run) -> str:
    return (
        f"{run.holder} has been trying the canary {run.canary_image} since {run.started}: wait,"
        " or end it with playbooks/rollback.yml"
    )
