from __future__ import annotations

import json
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from agent.__main__ import packbench
from agent.bench.scale import EMPTY_CODE, ScalePhysics, ScaleRig
from agent.devices import DeviceError
from calibration.masses import Reference, from_words, refuse_unfit
from calibration.plan import Plan, plan_for
from calibration.record import Folder
from calibration.scale import Line, Mass, Point, fitted, permitted_g
from calibration.session import Session
from firmware_config.scale import ScaleSettings
from tests.campaigns.scale_calibration import FAULTS
from tests.campaigns.scale_calibration import run as campaign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.devices import Sample

MASSES = ("5kg", "5kg", "10kg", "10kg")
RIG = ScaleRig()


def plan(span: float = RIG.counts_per_gram, *, known: bool = True) -> Plan:
    settings = ScaleSettings(rate_sps=80.0, capacity_g=30_000.0, division_g=10.0)
    return plan_for(from_words(MASSES), settings, span, known=known)


def performed(change: Callable[[int, float], float] = lambda index, grams: grams, rig: ScaleRig = RIG,
              pressed: int = -1) -> list[tuple[float, int]]:
    """The counts of a technician who does all the steps; `change` turns a step's load into what is really put on.

    At the step `pressed` something lies on the mass for a moment.
    """
    physics = ScalePhysics(11, rig)
    at_s, there_g = 6.5, 0.0
    for index, step in enumerate(plan().steps()):
        load_g = change(index, step.load_g)
        if index == pressed:
            physics.hand(80.0, at_s, at_s + 1.6, unrest=0.0)
        if load_g > there_g:
            physics.place(load_g - there_g, at_s, speed_mm_s=10.0)
        elif load_g < there_g:
            physics.lift(at_s, there_g - load_g)
        there_g = load_g
        at_s += 3.0
    return physics.conversions(at_s + 3.0)


@cache
def ordinary() -> list[tuple[float, int]]:
    """The counts of a calibration in which nothing is wrong."""
    return performed()


def talked(conversions: list[tuple[float, int]], one: Plan | None = None) -> tuple[Session, list[str]]:
    session = Session(one or plan())
    said = [one.code if one.what in {"refused", "wrong-load"} else one.what
            for at_s, counts in conversions for one in session.feed(at_s, counts)]
    return session, said + [one.code for one in session.end(conversions[-1][0])]


def test_a_whole_calibration_needs_no_key_and_finds_the_span() -> None:
    session, said = talked(ordinary())
    assert session.result is not None
    assert said[-1] == "result"
    assert session.result.verdict != "FAIL"
    assert 1.0 / session.result.line.a == pytest.approx(RIG.counts_per_gram, rel=3e-4)
    assert session.zero_counts == pytest.approx(EMPTY_CODE, abs=10 * RIG.counts_per_gram)
    assert len(session.result.rows) == len(session.row_counts)


def test_a_wrong_mass_is_told_at_once_and_the_right_one_goes_on() -> None:
    first_point = next(i for i, step in enumerate(plan().steps()) if step.kind == "point")
    session, said = talked(performed(lambda index, grams: grams * 2.0 if index == first_point else grams))
    assert "calibration.unknown-mass" in said[:-1]
    assert (session.result, said[-1]) == (None, "calibration.unknown-mass"), "the reason why the recording ended early"


def test_a_mass_a_little_off_is_refused_in_the_end_by_its_name() -> None:
    loads = [step.load_g for step in plan().steps()]
    session, _ = talked(performed(lambda index, grams: grams - 150.0 if loads[index] == 10_000.0 else grams))
    assert session.result is not None
    assert (session.result.verdict, session.result.cause) == ("FAIL", "wrong-mass")


def test_what_lay_on_a_mass_for_a_moment_does_not_count() -> None:
    point = next(i for i, step in enumerate(plan().steps()) if step.kind == "point" and step.load_g == 10_000.0)
    session, said = talked(performed(pressed=point))
    assert session.result is not None
    assert said.count("done") == len(plan().steps())
    assert all(abs(row.error_g) < 3.0 for row in session.result.rows)


def test_a_mass_that_does_not_come_to_rest_is_told_with_a_cause() -> None:
    held = ScalePhysics(11, RIG)
    held.place(30_000.0, 7.0, speed_mm_s=10.0)
    held.hand(-9_000.0, 7.2, 21.0, unrest=0.2)
    session = Session(plan())
    said = [one.code for at_s, counts in held.conversions(20.0) for one in session.feed(at_s, counts)]
    assert said[-1].startswith("scale.motion-")


def test_the_largest_mass_may_swing_beyond_the_capacity() -> None:
    soft = ScalePhysics(11, ScaleRig(ring_hz=8.0, damping=0.02))
    soft.place(30_000.0, 7.0, speed_mm_s=10.0)
    session = Session(plan())
    said = [one.what for at_s, counts in soft.conversions(20.0) for one in session.feed(at_s, counts)]
    assert "done" in said
    assert "wrong-load" not in said


def test_a_cell_that_was_never_calibrated_may_give_much_less_than_its_data_sheet_says() -> None:
    session, _ = talked(ordinary(), plan(RIG.counts_per_gram / 0.6, known=False))
    assert session.result is not None
    told = Session(plan(RIG.counts_per_gram / 0.6, known=False))
    texts = [one.text for at_s, counts in ordinary()[:1000] for one in told.feed(at_s, counts)]
    assert any("the cell gives 1.2 mV/V" in text for text in texts)
    assert session.result.verdict != "FAIL"
    assert 1.0 / session.result.line.a == pytest.approx(RIG.counts_per_gram, rel=3e-4)


def test_a_flood_of_conversions_with_one_time_is_refused_at_once() -> None:
    assert talked([(1.0, EMPTY_CODE + n % 7) for n in range(3_000)])[1] == ["scale.rate"]


def test_a_corner_that_is_off_is_refused() -> None:
    steps = plan().steps()
    third = [i for i, step in enumerate(steps) if step.kind == "corner"][2]
    session, _ = talked(performed(lambda index, grams: grams + 40.0 if index == third else grams))
    assert session.result is not None
    assert session.result.cause == "corner"


def test_a_swapped_sign_and_a_broken_wire_are_refused_with_their_names() -> None:
    swapped = [(at_s, 2 * EMPTY_CODE - counts) for at_s, counts in ordinary()]
    assert talked(swapped)[1][-1] == "calibration.factor-sign"
    broken = [(at_s, 0x7FFFFF if at_s > 30.0 else counts) for at_s, counts in ordinary()]
    assert talked(broken)[1][-1] == "scale.saturated"
    noisy = performed(rig=ScaleRig(slips=0.02))
    assert talked(noisy)[1] == ["scale.spikes"]
    assert talked(ordinary()[:6000])[1][-1] == "calibration.incomplete"


# -- the mathematics --------------------------------------------------------------------------------------------------


def test_a_parabola_is_taken_only_where_it_earns_its_place() -> None:
    def points(bend: float) -> tuple[Point, ...]:
        loads = (5000.0, 10_000.0, 15_000.0, 20_000.0, 30_000.0)
        return tuple(Point(Mass(g, g * 5e-5), 143.0 * (g + bend * g * (30_000.0 - g) / 2.25e8)) for g in loads)

    assert fitted(points(0.0), 1.0).q == 0.0
    assert fitted(points(1.0), 1.0).q == 0.0
    bent = fitted(points(15.0), 1.0)
    assert bent.q != 0.0
    assert all(abs(bent.grams(point.counts) - point.mass.grams) < 1.0 for point in points(15.0))
    assert Line(0.5).grams(4.0) == 2.0


def test_good_cells_end_up_right_and_faults_are_named() -> None:
    table = campaign(60)
    assert table["good"]["inside"] >= 0.93 * 60
    for fault in FAULTS[1:]:
        assert table[fault]["refused"] == 60
        assert table[fault]["right"] >= 57


def test_masses_that_can_not_serve_are_refused_by_name() -> None:
    def code(*masses: Reference, override: str = "") -> str:
        with pytest.raises(DeviceError) as refused:
            refuse_unfit(masses, max_g=30_000.0, e_g=10.0, today=date(2026, 11, 25), override=override)
        return refused.value.code

    good = Reference(id="a", nominal_g=5000.0)
    assert code(good) == "calibration.few-masses"
    assert code(good, Reference(id="b", nominal_g=40_000.0)) == "calibration.above-capacity"
    assert code(good, Reference(id="b", nominal_g=20_000.0, oiml_class="M3")) == "calibration.coarse-mass"
    expired = Reference(id="b", nominal_g=10_000.0, due=date(2026, 11, 24))
    assert code(good, expired) == "calibration.expired-mass"
    refuse_unfit([good, expired], max_g=30_000.0, e_g=10.0, today=date(2026, 11, 25), override="sent away")
    with pytest.raises(DeviceError):
        from_words(["heavy"])
    assert permitted_g(200.0, 10.0) == 5.0


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("counts") / "calibration.csv"
    path.write_text("t_s,counts\n" + "".join(f"{at_s:.5f},{counts}\n" for at_s, counts in ordinary()))
    return path


def calibrate(folder: Path, recording: Path, *more: str) -> Result:
    masses = [word for mass in MASSES for word in ("--mass", mass)]
    return CliRunner().invoke(packbench, ["calibrate", "scale", "--directory", str(folder), "--replay", str(recording),
                                          "--cell", "C1", *masses, *more])


def test_nothing_changes_without_the_last_yes(tmp_path: Path, recording: Path) -> None:
    result = calibrate(tmp_path, recording)
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[0]["what"] == "precheck"
    assert lines[-1]["what"] == "kept"


def test_accepted_records_are_chained_and_carry_as_found_and_as_left(tmp_path: Path, recording: Path) -> None:
    for _ in range(2):
        result = calibrate(tmp_path, recording, "--yes", "--technician", "A. B. <c>")
        assert result.exit_code == 0, result.output
    folder = Folder(tmp_path)
    first, second = folder.records()
    assert second.previous != first.previous == ""
    assert first.as_found == ()
    assert [row.verdict for row in second.as_found] == ["PASS"] * len(second.as_left.rows)
    current = folder.current
    assert current is not None
    assert current.record == folder.last_hash
    assert current.grams(current.zero_counts + 10_000 * RIG.counts_per_gram) == pytest.approx(10_000.0, abs=5.0)
    again = calibrate(tmp_path / "again", tmp_path / "scale-0002.csv", "--yes")
    assert again.exit_code == 0, "the conversions of a record are a recording"
    page = (tmp_path / "scale-0002.html").read_text()
    assert folder.last_hash in page
    assert "Not legal for trade" in page
    assert "<svg" in page
    assert "A. B. &lt;c&gt;" in page
    (tmp_path / "scale-0001.json").chmod(0o644)
    (tmp_path / "scale-0001.json").write_text((tmp_path / "scale-0001.json").read_text().replace("C1", "C2"))
    with pytest.raises(DeviceError) as changed:
        folder.records()
    assert changed.value.code == "calibration.broken-chain"


def test_another_cell_a_large_change_and_a_bad_set_change_nothing(tmp_path: Path, recording: Path) -> None:
    assert calibrate(tmp_path, recording, "--yes").exit_code == 0
    before = (tmp_path / "scale.json").read_bytes()
    other = calibrate(tmp_path, recording, "--yes", "--cell", "C9")
    assert (other.exit_code, other.stderr.split(":")[0]) == (2, "calibration.other-cell")
    coarse = calibrate(tmp_path, recording, "--yes", "--mass", "20kg:M3")
    assert (coarse.exit_code, coarse.stderr.split(":")[0]) == (2, "calibration.coarse-mass")
    current = json.loads(before)
    (tmp_path / "scale.json").unlink()
    (tmp_path / "scale.json").write_text(json.dumps(current | {"record": "f" * 64}))
    copied = calibrate(tmp_path, recording, "--yes")
    assert (copied.exit_code, copied.stderr.split(":")[0]) == (2, "calibration.other-cell")
    (tmp_path / "scale.json").unlink()
    (tmp_path / "scale.json").write_text(json.dumps(current | {"counts_per_gram": current["counts_per_gram"] * 1.02}))
    large = calibrate(tmp_path, recording, "--yes")
    assert (large.exit_code, large.stderr.split(":")[0]) == (1, "calibration.large-change")
    assert len(Folder(tmp_path).records()) == 1
    assert calibrate(tmp_path, recording, "--yes", "--force", "new amplifier").exit_code == 0


def test_a_record_is_written_once_and_half_a_record_is_none(tmp_path: Path, recording: Path) -> None:
    assert calibrate(tmp_path, recording, "--yes").exit_code == 0
    (tmp_path / "scale-0002.json.new").write_text("{")
    [first] = Folder(tmp_path).records()
    with pytest.raises(DeviceError) as refused:
        Folder(tmp_path).install(first, b"")
    assert refused.value.code == "calibration.not-written"
    assert calibrate(tmp_path, recording, "--yes").exit_code == 0
    assert len(Folder(tmp_path).records()) == 2


def test_a_missing_recording_and_a_damaged_calibration_are_refused(tmp_path: Path, recording: Path) -> None:
    missing = calibrate(tmp_path, tmp_path / "none.csv", "--yes")
    assert (missing.exit_code, missing.stderr.split(":")[0]) == (2, "trace.missing")
    (tmp_path / "scale.json").write_text("{")
    damaged = calibrate(tmp_path, recording, "--yes")
    assert (damaged.exit_code, damaged.stderr.split(":")[0]) == (2, "calibration.damaged")


class MuteCell:
    """A load cell that never says a word."""

    def read(self, timeout_s: float) -> list[Sample]:
        return []

    def close(self) -> None:
        pass


def test_a_mute_cell_is_refused_and_one_that_was_just_switched_on_is_warned_of(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibration.source.open_scale", lambda *_, **__: MuteCell())
    monkeypatch.setattr("calibration.source.SILENT_S", 0.0)
    monkeypatch.setattr("calibration.cli.UPTIME", tmp_path / "uptime")
    words = ["calibrate", "scale", "--driver", "spi", "--socket", str(tmp_path / "none"), "--directory", str(tmp_path),
             "--mass", "10kg", "--mass", "20kg"]
    for up_s, cold in (("600.00 900.00", True), ("90000.00 170000.00", False)):
        (tmp_path / "uptime").write_text(up_s)
        mute = CliRunner().invoke(packbench, words)
        assert (mute.exit_code, mute.stderr.split(":")[0]) == (1, "scale.silent")
        assert ("calibration.cold" in mute.stdout) == cold
    assert [path.name for path in tmp_path.iterdir()] == ["uptime"]
