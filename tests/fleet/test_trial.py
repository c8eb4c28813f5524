"""The trial: held while a box is under way, kept when it proves itself, gone when not, and never a crash loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from agent.fleet import trial
from agent.fleet.layers import Layer, fingerprint
from agent.fleet.trial import BROKEN_MS, TRIAL_MS, Fault, Look, Refused, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable

ORDER = ("fleet", "site/ams1", "station/st-1")
NEW = {"printer": {"media": "62x100"}}


def a_layer(rev: int = 1, patch: dict[str, Any] | None = None, scope: str = "fleet") -> Layer:
    return Layer(scope=scope, rev=rev, sha256=f"{scope}{rev}", patch=NEW if patch is None else patch)


def well(now_ms: int = 0, **more: Any) -> Look:  # noqa: ANN401 (fields of Look)
    return Look(now_ms=now_ms, wall_ms=now_ms, **{"round_trip": True, **more})


def pushed(standing: Standing | None = None, **more: Any) -> Standing:  # noqa: ANN401 (fields of a layer)
    return trial.accepted(standing or Standing(), a_layer(**more), 0)


def on_trial(look: Look | None = None) -> Standing:
    return trial.step(pushed(), ORDER, look or well())


def through(standing: Standing, looks: Iterable[Look]) -> Standing:
    for look in looks:
        standing = trial.step(standing, ORDER, look)
    return standing


def codes(standing: Standing) -> list[str]:
    return [fault.code for fault in standing.faults]


def test_a_push_is_tried_and_kept_when_everything_answers() -> None:
    tried = on_trial()
    assert (tried.phase, trial.running(tried), tried.good) == ("trial", (NEW,), ())
    kept = trial.step(tried, ORDER, well(5))
    assert (kept.phase, kept.good, kept.have, kept.trial) == ("applied", (NEW,), {"fleet": 1}, None)
    assert trial.running(kept) == (NEW,)


def test_it_is_held_with_its_reason_until_the_job_is_done() -> None:
    held = through(pushed(), [well(1, busy="a box is on the platform"), well(9, busy="a box is on the platform")])
    assert (held.phase, codes(held), trial.running(held), held.since_ms) == ("held", ["trial.held"], (), 1)
    assert "a box is on the platform" in held.faults[0].text
    assert trial.step(held, ORDER, well(10)).phase == "trial"


def test_a_device_that_breaks_rolls_back_and_names_itself_and_the_same_is_not_tried_again() -> None:
    broken = {"printer": "printer.unreachable"}
    tried = through(on_trial(), [well(1, broken=broken), well(BROKEN_MS, broken=broken)])
    assert tried.phase == "trial"
    back = trial.step(tried, ORDER, well(BROKEN_MS + 1, broken=broken))
    assert (back.phase, trial.running(back), codes(back), back.faults[0].key) == (
        "failed", (), ["trial.device"], "printer")
    same = trial.step(trial.accepted(back, a_layer(rev=2), 0), ORDER, well())
    assert (same.phase, codes(same)) == ("failed", ["trial.known-bad"])
    other = trial.step(trial.accepted(back, a_layer(rev=3, patch={"keep": {"ended_days": 9}}), 0), ORDER, well())
    assert other.phase == "trial"


def test_a_device_may_need_a_moment_to_be_opened() -> None:
    kept = through(on_trial(), [well(1, broken={"camera": "camera.busy"}), well(2, silent=("camera",)), well(3)])
    assert kept.phase == "applied"


def test_what_was_broken_before_is_not_the_pushs_fault_but_another_fault_of_it_is() -> None:
    before = {"printer": "printer.no-paper"}
    tried = on_trial(well(broken=before))
    assert trial.step(tried, ORDER, well(1, broken=before, silent=("printer",))).phase == "applied"
    worse = {"printer": "printer.unreachable"}
    back = through(tried, [well(1, broken=worse), well(1 + BROKEN_MS, broken=worse)])
    assert (back.phase, codes(back)) == ("failed", ["trial.device"])


def test_a_device_that_says_nothing_and_a_link_without_an_answer_end_the_trial() -> None:
    silent = trial.step(on_trial(), ORDER, well(TRIAL_MS, silent=("scale",)))
    assert (silent.phase, codes(silent), silent.faults[0].key) == ("failed", ["trial.silent"], "scale")
    deaf = trial.step(on_trial(), ORDER, well(TRIAL_MS, round_trip=False))
    assert (deaf.phase, codes(deaf)) == ("failed", ["trial.link"])
    broken = {"scale": "scale.silent"}
    flaps = [well(n * 9_000, broken=broken if n % 2 else {}, silent=("scale",)) for n in range(9)]
    flapping = through(on_trial(), flaps)
    assert flapping.phase == "failed"


def test_a_crash_loop_ends_at_the_third_life() -> None:
    tried = on_trial()
    second = trial.booted(tried, well(100))
    assert (second.phase, trial.running(second)) == ("trial", (NEW,))
    third = trial.booted(second, well(200))
    assert (third.phase, trial.running(third), codes(third)) == ("failed", (), ["trial.crash-loop"])
    assert trial.booted(third, well(300)) == third


def test_one_restart_in_a_trial_begins_its_time_anew() -> None:
    second = trial.booted(on_trial(), well(5))
    assert trial.step(second, ORDER, well(6, round_trip=False)).phase == "trial"
    assert trial.step(second, ORDER, well(6)).phase == "applied"


def test_rolling_back_goes_to_the_last_known_good_not_to_nothing() -> None:
    good = trial.step(on_trial(), ORDER, well(1))
    bad = trial.step(trial.accepted(good, a_layer(2, {"printer": {"host": "nowhere"}}), 2), ORDER, well(2))
    back = trial.step(bad, ORDER, well(2 + TRIAL_MS, silent=("printer",)))
    assert (trial.running(back), back.have, trial.revisions(back)) == ((NEW,), {"fleet": 1}, {"fleet": 2})


def test_a_push_during_a_trial_waits_for_its_end_and_is_judged_by_itself() -> None:
    newer = trial.accepted(on_trial(), a_layer(2, {"keep": {"ended_days": 9}}), 0)
    first = trial.step(newer, ORDER, well(1))
    assert (first.phase, first.good, first.have) == ("pending", (NEW,), {"fleet": 1})
    assert through(first, [well(2), well(3)]).have == {"fleet": 2}


def test_reload_tries_again_what_failed() -> None:
    back = trial.step(on_trial(), ORDER, well(TRIAL_MS, silent=("scale",)))
    assert trial.step(back, ORDER, well(TRIAL_MS + 1)) == back
    assert trial.step(trial.again(back, 0), ORDER, well()).phase == "trial"
    assert trial.again(Standing(), 5) == Standing()


def test_an_emptied_topic_changes_nothing_but_what_is_said() -> None:
    good = trial.step(on_trial(), ORDER, well(1))
    emptied = trial.cleared(good, "fleet")
    assert (emptied.cleared, trial.running(emptied)) == (("fleet",), (NEW,))
    assert trial.step(emptied, ORDER, well(2)) == emptied
    assert trial.accepted(emptied, a_layer(2), 3).cleared == ()
    assert trial.cleared(good, "site/ams1") == good


def test_a_refusal_is_remembered_until_a_good_push_of_that_scope() -> None:
    fault = Refused("ab", (Fault("sig", "config.signature", "no."),))
    standing = trial.turned_away(on_trial(), "fleet", fault)
    assert (standing.refused, standing.phase) == ({"fleet": fault}, "trial")
    assert trial.accepted(standing, a_layer(2), 0).refused == {}


STEPS = st.lists(st.one_of(
    st.tuples(st.just("push"), st.sampled_from(ORDER), st.integers(0, 3)),
    st.tuples(st.just("look"), st.integers(0, 40_000), st.booleans(), st.booleans(), st.sampled_from(["", "scale"])),
    st.tuples(st.just("boot")), st.tuples(st.just("reload")),
), max_size=40)


@given(STEPS)
def test_whatever_happens_only_what_proved_itself_becomes_good(steps: list[tuple[Any, ...]]) -> None:
    standing, now_ms, rev = Standing(), 0, 0
    for each in steps:
        before = standing
        match each:
            case ("push", scope, value):
                rev += 1
                layer = a_layer(rev, {"keep": {"ended_days": value}} if value else {}, scope)
                standing = trial.accepted(standing, layer, now_ms)
            case ("look", span_ms, busy, healthy, device):
                now_ms += span_ms
                look = well(now_ms, busy="x" if busy else "", round_trip=healthy,
                            broken={device: "scale.silent"} if device else {})
                standing = trial.step(standing, ORDER, look)
                if before.trial is None and standing.trial is not None:
                    assert not busy
                if fingerprint(standing.good) != fingerprint(before.good):
                    assert before.trial is not None
                    assert healthy
                    assert standing.good == before.trial.patches
            case ("boot",):
                standing = trial.booted(standing, well(now_ms))
            case _:
                standing = trial.again(standing, now_ms)
        assert standing.trial is None or standing.trial.lives <= 2
        assert fingerprint(standing.good) not in standing.bad
