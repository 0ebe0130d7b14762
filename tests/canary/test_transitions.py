"""Transitions of a run: which are allowed, what each one changes, and that it can be repeated."""

import pytest
from msgspec.structs import replace

from canary.store import Entry, Holder, RefusedError, Releases, Run
from canary.transitions import (
    LONGEST_HISTORY,
    Claim,
    begin,
    finish,
    is_interrupted,
    mine,
    move,
    promote,
    recover,
    roll_back,
)
from tests.canary.test_store import NOW, entry, run

YOU = Holder("you", "there", 34, 950.5)
CLAIM = Claim("2", "2026-05-05", NOW + 900, YOU)
PHASES = ("testing", "waiting", "promoting", "stopping", "rolling back")
PASSED = run(phase="waiting", verdict="pass", model_versions=["0123"])


def taken(run: Run, phase: str, note: str) -> Releases:
    ours = replace(run, id="2", expires=NOW + 900, holder=YOU, phase=phase, note=note)
    return Releases(ours)


def alive(holder: Holder) -> bool:
    return True


def dead(holder: Holder) -> bool:
    return False


def test_begin_when_nothing_is_under_way() -> None:
    after = begin(Releases(None, [entry()]), CLAIM, "app:1", "app:2")
    begun = run(id="2", started="2026-05-05", expires=NOW + 900, holder=YOU)
    assert after == Releases(begun, [entry()])


@pytest.mark.parametrize("phase", sorted(set(PHASES) - {"waiting"}))
def test_begin_while_another_is_tried(phase: str) -> None:
    with pytest.raises(RefusedError, match=r"^me@here has been trying the canary app:2 since 2026"):
        begin(Releases(run(phase=phase)), CLAIM, "app:1", "app:2")


def test_begin_while_one_waits() -> None:
    with pytest.raises(RefusedError, match=r"^The canary app:2 waits for a decision: "):
        begin(Releases(PASSED), CLAIM, "app:1", "app:3")
    anew = begin(Releases(PASSED), CLAIM, "app:1", "app:2").run
    assert anew
    assert (anew.id, anew.phase, anew.verdict) == ("2", "testing", "")


def test_interrupted_when_it_expires_or_its_playbook_is_gone() -> None:
    assert not is_interrupted(None, NOW, dead)
    assert not is_interrupted(run(), NOW, alive)
    assert is_interrupted(run(), NOW, dead)
    assert is_interrupted(run(expires=NOW), NOW, alive)
    assert not is_interrupted(PASSED, NOW + 1e9, dead)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("testing", "stopping"),
        ("promoting", "promoting"),
        ("stopping", "stopping"),
        ("rolling back", "rolling back"),
    ],
)
def test_recover(before: str, after: str) -> None:
    found = run(phase=before, verdict="pass")
    once = recover(Releases(found), CLAIM, interrupted=True)
    assert once == taken(found, after, "interrupted")
    assert recover(once, CLAIM, interrupted=True) == once


def test_recover_what_somebody_else_has_recovered() -> None:
    for releases in (Releases(), Releases(run())):
        with pytest.raises(RefusedError, match=r"try again$"):
            recover(releases, CLAIM, interrupted=False)


def promoted(releases: Releases, *, interrupted: bool = False, override: bool = False) -> Releases:
    return promote(releases, CLAIM, "app:1", interrupted, override)


def test_promote_what_waits() -> None:
    assert promoted(Releases(PASSED)) == taken(PASSED, "promoting", "by hand")
    assert promoted(Releases(PASSED), override=True) == promoted(Releases(PASSED))


@pytest.mark.parametrize("verdict", ["fail: errors: fail: too many", ""])
def test_promote_what_has_not_passed(verdict: str) -> None:
    failed = replace(PASSED, verdict=verdict)
    reason = verdict or "no verdict"
    with pytest.raises(
        RefusedError, match=rf"app:2 has not passed \({reason}\): .*canary_override"
    ):
        promoted(Releases(failed))
    note = "by hand, overriding the verdict"
    assert promoted(Releases(failed), override=True) == taken(failed, "promoting", note)


def test_promote_again_after_an_interruption() -> None:
    begun = promoted(Releases(replace(PASSED, verdict="fail: x")), override=True).run
    assert begun
    note = "by hand, overriding the verdict, interrupted"
    assert promoted(Releases(begun), interrupted=True) == taken(begun, "promoting", note)


@pytest.mark.parametrize("phase", ["testing", "stopping", "rolling back"])
def test_promote_what_was_interrupted_undecided(phase: str) -> None:
    with pytest.raises(RefusedError, match=rf"^The canary app:2 was interrupted while .* {phase}:"):
        promoted(Releases(run(phase=phase)), interrupted=True, override=True)


@pytest.mark.parametrize("phase", ["testing", "promoting", "stopping", "rolling back"])
def test_promote_what_another_playbook_has(phase: str) -> None:
    with pytest.raises(RefusedError, match=r"^me@here has been trying the canary app:2 since "):
        promoted(Releases(run(phase=phase)), override=True)


def test_promote_again_when_it_is_done() -> None:
    done = Releases(None, [entry(before="app:0", after="app:1"), entry("stopped")])
    assert promoted(done) == done


@pytest.mark.parametrize(
    "releases",
    [
        Releases(),
        Releases(None, [entry("stopped")]),
        Releases(None, [entry("rolled back", "app:2", "app:1")]),
        Releases(None, [entry(after="app:2")]),  # app:1 was deployed since
    ],
)
def test_promote_nothing(releases: Releases) -> None:
    with pytest.raises(RefusedError, match=r"^There is no canary to promote: "):
        promoted(releases)


@pytest.mark.parametrize("phase", PHASES)
def test_roll_back_whoever_holds_the_run(phase: str) -> None:
    found = run(phase=phase, verdict="pass", model_versions=["0123"])
    goal = "rolling back" if phase == "rolling back" else "stopping"
    once = roll_back(Releases(found), CLAIM, "app:1", "app:2")
    assert once == taken(found, goal, "by hand")
    assert roll_back(once, CLAIM, "app:1", "") == once


def test_roll_back_a_canary_without_a_run() -> None:
    after = roll_back(Releases(None, [entry()]), CLAIM, "app:2", "app:3").run
    assert after
    assert (after.phase, after.target, after.canary_image) == ("stopping", "app:2", "app:3")


def test_roll_back_a_promotion() -> None:
    releases = Releases(None, [entry(), entry("stopped", "app:3", "app:2")])
    after = roll_back(releases, CLAIM, "app:2", "").run
    assert after
    assert (after.phase, after.target, after.canary_image) == ("rolling back", "app:1", "app:2")
    assert (after.model_versions, after.verdict, after.note) == (["0123"], "pass", "by hand")


def test_roll_back_a_promotion_that_does_not_run_any_more() -> None:
    with pytest.raises(RefusedError) as caught:
        roll_back(Releases(None, [entry()]), CLAIM, "app:4", "")
    assert str(caught.value) == (
        "Nothing was done: app:4 runs, and not app:2, which was promoted on 2026-05-04. To deploy"
        " what ran before that: playbooks/deploy.yml -e app_image=app:1"
    )


@pytest.mark.parametrize("history", [[], [entry("stopped")], [entry(), entry("rolled back")]])
def test_roll_back_nothing(history: list[Entry]) -> None:
    releases = Releases(None, history)
    assert roll_back(releases, CLAIM, "app:1", "") == releases


def test_move() -> None:
    before = Releases(run(), [entry()])
    assert move(before, "1", "testing") == before
    judged = move(before, "1", "waiting", "fail: x", ["0123"])
    known = run(phase="waiting", verdict="fail: x", model_versions=["0123"])
    assert judged == Releases(known, [entry()])
    assert move(judged, "1", "promoting").run == replace(known, phase="promoting")


@pytest.mark.parametrize("releases", [Releases(), Releases(run(id="2"))])
def test_run_that_somebody_has_ended(releases: Releases) -> None:
    for verb in (
        lambda: mine(releases, "1"),
        lambda: move(releases, "1", "promoting"),
        lambda: finish(releases, "1", "app:1", "", ""),
    ):
        with pytest.raises(RefusedError, match=r"^Somebody else has ended this canary"):
            verb()


@pytest.mark.parametrize(
    ("phase", "deployed", "end"),
    [
        ("promoting", "app:2", ("promoted", "app:1", "app:2", "by hand")),
        ("stopping", "app:1", ("stopped", "app:2", "app:1", "by hand")),
        ("rolling back", "app:1", ("rolled back", "app:2", "app:1", "by hand")),
        ("promoting", "app:1", ("stopped", "app:2", "app:1", "app:2 did not roll out")),
        ("stopping", "app:2", ("stopped", "app:1", "app:2", "app:1 did not roll out")),
        ("rolling back", "app:2", ("stopped", "app:1", "app:2", "app:1 did not roll out")),
        ("promoting", "app:0", ("stopped", "app:2", "app:0", "app:2 did not roll out")),
    ],
)
def test_finish(phase: str, deployed: str, end: tuple[str, ...]) -> None:
    found = run(phase=phase, verdict="pass", model_versions=["0123"], note="by hand")
    after = finish(Releases(found), "1", deployed, "2026-05-06", "you@there")
    assert after.run is None
    [last] = after.history
    assert (last.action, last.from_image, last.to_image, last.note) == end
    assert (last.when, last.who) == ("2026-05-06", "you@there")
    assert (last.model_versions, last.verdict) == (["0123"], "pass")


def test_finish_keeps_the_newest() -> None:
    entries = [entry(after=str(number)) for number in range(LONGEST_HISTORY)]
    history = finish(Releases(run(phase="stopping"), entries), "1", "app:1", "", "").history
    assert history[:-1] == entries[1:]
    assert history[-1].action == "stopped"
