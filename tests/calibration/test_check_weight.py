from __future__ import annotations

import json
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner

from agent.bench.scale import EMPTY_CODE, ScalePhysics, ScaleRig
from agent.warmth import WarmthLog
from calibration.check_weight import judged_checks, span_and_warmth, zero_and_warmth
from calibration.cli_check import check_weight
from firmware_config.calibration import ScaleCalibration
from tests.simulation.hx711_chip import FakeClock

if TYPE_CHECKING:
    from pathlib import Path


def first_alarm(shift_g: float, creep_g: float, seed: int) -> int:
    """After how many checks a scale that shifts or creeps is said to drift; scatter 2 g, e 10 g."""
    random = Random(seed)
    errors_g: list[float] = []
    for count in range(1, 400):
        errors_g.append(random.gauss(shift_g + creep_g * count, 2.0))
        if judged_checks(errors_g, 10_000.0, 10.0).verdict != "well":
            return count
    return 400


def test_a_drift_is_told_long_before_the_limit() -> None:
    shifted = sorted(first_alarm(2.0, 0.0, seed) for seed in range(60))
    creeping = sorted(first_alarm(0.0, 0.2, seed) for seed in range(60))
    well = sorted(first_alarm(0.0, 0.0, seed) for seed in range(60))
    assert shifted[30] <= 15
    assert creeping[30] * 0.2 < 5.0, "a creep is found before half of the limit"
    assert well[30] > 100


def test_half_the_limit_warns_and_the_limit_blocks() -> None:
    assert judged_checks([0.0, 1.0], 10_000.0, 10.0).verdict == "well"
    assert judged_checks([0.0, 11.0], 10_000.0, 10.0).verdict == "warn"
    assert judged_checks([0.0, 21.0], 10_000.0, 10.0).verdict == "block"


def test_a_steady_drift_says_how_long_it_may_go_on() -> None:
    drifting = judged_checks([0.5 * n for n in range(12)], 10_000.0, 10.0)
    assert (drifting.verdict, drifting.text.endswith("About 33 checks until the limit.")) == ("drifting", True)
    assert "until" not in judged_checks([9.0, -9.0] * 6, 10_000.0, 10.0).text


def test_an_instrument_that_rounds_to_whole_steps_does_not_drift_by_one_step_now_and_then() -> None:
    shown_g = [10.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 10.0, 0.0]
    assert judged_checks(shown_g, 10_000.0, 10.0, step_g=10.0).verdict == "well"
    assert judged_checks([10.0] * 6, 10_000.0, 10.0, step_g=10.0).verdict == "drifting"


def test_a_span_that_follows_the_hall_is_found_after_ten_checks_over_eight_degrees() -> None:
    checks = [(15.0 + n, 0.8 * n + (3.0 if n == 4 else 0.0)) for n in range(11)]
    found = span_and_warmth(checks)
    assert found is not None
    assert found.g_per_kelvin == pytest.approx(0.8, abs=0.02)
    assert found.usable
    assert span_and_warmth(checks[:8]) is None


def test_the_zeros_warmth_is_found_beside_a_drift_and_an_outlier() -> None:
    random = Random(1)
    log = []
    for i in range(144):
        at_s, degrees = i * 300.0, 20.0 + 6.0 * ((i % 72) / 36.0 if i % 72 < 36 else 2.0 - (i % 72) / 36.0)
        log.append((at_s, degrees, 1.5 * degrees + at_s * 2e-4 + random.gauss(0.0, 0.1) + (80.0 if i == 70 else 0.0)))
    found = zero_and_warmth(log)
    assert found is not None
    assert found.g_per_kelvin == pytest.approx(1.5, abs=0.2)
    assert zero_and_warmth(log[:5]) is None
    assert not zero_and_warmth([(at_s, 20.0 + degrees / 100.0, zero) for at_s, degrees, zero in log])


def test_a_check_weight_joins_the_log_and_is_judged(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock(step_s=1e-4)
    monkeypatch.setattr("calibration.source.time", SimpleNamespace(monotonic=clock, sleep=clock.sleep))
    rig = ScaleRig(rate_sps=80.0)
    physics = ScalePhysics(1, rig)
    physics.place(10_000.0, 1.2, speed_mm_s=5.0)
    trace = tmp_path / "trace.csv"
    trace.write_text("t_s,counts\n" + "".join(f"{at_s:.4f},{code}\n" for at_s, code in physics.conversions(3.0)))
    right = ScaleCalibration(zero_counts=EMPTY_CODE, counts_per_gram=rig.counts_per_gram)
    arguments = ["10kg", "--directory", str(tmp_path), "--driver", "trace", "--path", str(trace), "--json"]
    assert CliRunner().invoke(check_weight, arguments).exit_code == 1, "never calibrated"
    (tmp_path / "scale.json").write_bytes(msgspec.json.encode(right))
    well = CliRunner().invoke(check_weight, arguments)
    assert (well.exit_code, json.loads(well.stdout)["verdict"]) == (0, "well")
    off = msgspec.structs.replace(right, counts_per_gram=rig.counts_per_gram * 1.01)
    (tmp_path / "scale.json").write_bytes(msgspec.json.encode(off))
    block = CliRunner().invoke(check_weight, arguments)
    assert (block.exit_code, json.loads(block.stdout)["verdict"]) == (3, "block")
    noted = WarmthLog(tmp_path / "warmth.csv", tmp_path / "temperature")
    assert [record.msg.split(":")[0] for record in caplog.records] == ["scale.no-thermometer"], "told once"
    for i in range(144):
        (tmp_path / "temperature").write_text(f"{20_000 + 8_000 * abs(i % 72 - 36) // 36}\n")
        noted.note(1.7e9 + i * 300.0, 1.5 * 8.0 * abs(i % 72 - 36) / 36)
        noted.note(1.7e9 + i * 300.0 + 10.0, 99.0)  # too soon after the last
    said = json.loads(CliRunner().invoke(check_weight, arguments).stdout)
    warm = said["warmth"]["zero"]
    assert (round(warm["g_per_kelvin"], 1), round(warm["span_kelvin"])) == (1.5, 8)
    assert len((tmp_path / "check-weights.jsonl").read_text().splitlines()) == 3
    assert CliRunner().invoke(check_weight, ["20kg", *arguments[1:]]).exit_code == 1
