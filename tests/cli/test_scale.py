from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from agent.__main__ import packbench
from agent.bench.scale import EMPTY_CODE, ScalePhysics, ScaleRig

if TYPE_CHECKING:
    from pathlib import Path

RIG = ScaleRig()
COUNTS = ["--counts-per-gram", str(RIG.counts_per_gram), "--zero", str(EMPTY_CODE)]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(packbench, [str(argument) for argument in arguments])


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A recording of one box of 5 kg, in counts."""
    physics = ScalePhysics(1)
    physics.place(5000.0, 2.0)
    physics.lift(6.0)
    path = tmp_path / "box.csv"
    path.write_text("t_s,counts\n" + "".join(f"{at_s:.5f},{code}\n" for at_s, code in physics.conversions(9.0)))
    return path


def written(folder: Path, text: str) -> Path:
    path = folder / "trace.csv"
    path.write_text(text)
    return path


def steady() -> list[tuple[float, float]]:
    """Two seconds of nothing and four of 3 kg, at 80 SPS, in grams."""
    random = Random(1)
    return [(i / 80, random.gauss(3000.0 if i > 160 else 0.0, 0.3)) for i in range(480)]


def test_a_recording_becomes_one_json_object_an_event(box: Path) -> None:
    result = run("scale", "replay", box, *COUNTS, "--json")
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["kind"] for row in rows] == ["load", "predicted", "stable", "cleared"]
    stable = rows[2]
    assert stable["quality"] == "quick"
    assert abs(stable["gross_g"] - 5000.0) <= stable["u95_g"] <= 3.0
    assert stable["t_s"] < 3.5


def test_a_recording_is_drawn(box: Path, tmp_path: Path) -> None:
    from PIL import Image

    result = run("scale", "replay", box, *COUNTS, "--plot", tmp_path / "box.png")
    assert result.exit_code == 0
    with Image.open(tmp_path / "box.png") as image:
        assert image.size == (1600, 900)
        green = {colour for _, colour in image.getcolors(1 << 20) or []} & {(10, 125, 44), (143, 209, 159)}
        assert len(green) == 2, "an accepted weight and the band of its uncertainty"
    assert run("scale", "replay", box, *COUNTS, "--plot", tmp_path / "no" / "box.png").exit_code == 2


@pytest.mark.parametrize("header", ["t_s,grams", "t_s,pounds,grams", "time_ms;kg", "timestamp\tgrams", "", ",t_s,grams",
                                    "Time (s),Weight [kg]", "t_us;grams", "t_s grams", "# by hand\n\nT_S, grams",
                                    "# by hand\n" * 500 + "t_s,grams"])
def test_columns_and_delimiters_of_other_loggers_are_read(tmp_path: Path, header: str) -> None:
    names = header.splitlines()[-1].lower() if header else "t_s,grams"
    delimiter = next((sign for sign in ",;\t" if sign in names), " ")
    ticks = 1e6 if "_us" in names else 1e3 if "_ms" in names else 1.0
    lines = []
    for at_s, grams in steady():
        cells = {"t": f"{at_s * ticks:.4f}", "g": f"{grams:.6f}", "k": f"{grams / 1e3:.6f}", "w": f"{grams / 1e3:.6f}"}
        lines.append(delimiter.join(cells.get(name.strip()[:1], "0") for name in names.split(delimiter)))
    if delimiter == ";":
        lines = [line.replace(".", ",") for line in lines]
    path = written(tmp_path, "\n".join([header, *lines] if header else lines) + "\n")
    result = run("scale", "replay", path, "--json")
    assert [json.loads(line)["kind"] for line in result.stdout.splitlines()] == ["load", "predicted", "stable"]


def test_repeated_and_backward_times_and_a_gap_are_survived_and_told(tmp_path: Path) -> None:
    rows = [(at_s - 100.0 if at_s > 1.0 else at_s, grams) for at_s, grams in steady()]
    rows[40] = (rows[39][0], rows[40][1])
    rows[42] = (rows[41][0] - 0.003, rows[42][1])
    path = written(tmp_path, "t_s,grams\n" + "".join(f"{at_s},{grams}\n" for at_s, grams in rows))
    result = run("scale", "replay", path, "--rate", "80", "--json")
    assert result.exit_code == 0
    assert "stable" in result.stdout
    assert "backward" in result.stderr


@pytest.mark.parametrize(("text", "code"), [
    ("", "trace.empty"), ("t_s,grams\n", "trace.empty"), ("t_s,volt\n0,1\n", "trace.no-column"),
    ("t_s,grams\n0,1\n0.1,heavy\n0.2,1\n", "trace.bad-number"), ("t_s,grams\n0,nan\n1,1\n", "trace.bad-number"),
    ("t_s,counts\n0,1\n0.1,2\n", "trace.needs-calibration"), ("t_s,grams\n0,1\n900,1\n1800,1\n", "trace.no-rate"),
    ("t_s,grams\n0,1\n0,1\n0,1\n", "trace.no-rate"), (",,\n,,\n", "trace.no-column"), ("a\0b", "trace.not-text"),
    ("t_s,grams\n0,1\n0.1\n0.2,1\n", "trace.bad-number"), ("# nothing more\n", "trace.empty"),
])
def test_a_file_that_is_no_recording_is_refused_with_a_code(tmp_path: Path, text: str, code: str) -> None:
    result = run("scale", "replay", written(tmp_path, text))
    assert result.exit_code == 2
    assert result.stderr.startswith(code)
    assert "Traceback" not in result.output


def test_a_cut_last_row_loses_only_itself(tmp_path: Path) -> None:
    text = "t_s,grams\n" + "".join(f"{at_s},{grams}\n" for at_s, grams in steady()) + "6.00"
    result = run("scale", "replay", written(tmp_path, text), "--rate", "80", "--json")
    assert result.exit_code == 0
    assert "stable" in result.stdout


def test_a_missing_file_and_a_picture_are_refused(tmp_path: Path) -> None:
    assert run("scale", "replay", tmp_path / "none.csv").exit_code == 2
    (tmp_path / "trace.csv").write_bytes(bytes(range(256)))
    assert run("scale", "replay", tmp_path / "trace.csv").exit_code == 2


def rig_file(folder: Path, rig: ScaleRig, seconds: float = 3.5) -> Path:
    """A recording of an empty platform, played fast by the driver."""
    return written(folder, "t_s,counts\n" + "".join(
        f"{at_s:.5f},{code}\n" for at_s, code in ScalePhysics(4, rig).conversions(seconds)))


def diagnosed(path: Path) -> list[str]:
    from agent.devices.trace import read_trace
    from agent.weighing.diagnosis import diagnose

    trace = read_trace(path)
    seen = diagnose(trace.at_s, [int(code) for code in trace.values], rate_sps=80.0, division_g=10.0,
                    counts_per_gram=RIG.counts_per_gram)
    return [finding.code for finding in seen.findings]


def test_the_diagnosis_names_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    assert diagnosed(rig_file(tmp_path, ScaleRig())) == []
    assert diagnosed(rig_file(tmp_path, ScaleRig(rate_sps=10.0))) == ["scale.few-samples"]
    assert diagnosed(rig_file(tmp_path, ScaleRig(slips=0.02))) == ["scale.spikes"]
    assert diagnosed(rig_file(tmp_path, ScaleRig(hum_nv=900.0)))[-1] == "scale.hum"
    assert "scale.noise" in diagnosed(rig_file(tmp_path, ScaleRig(noise_nv=900.0)))
    stuck = written(tmp_path, "t_s,counts\n" + "".join(f"{i / 80},{7 + i % 2}\n" for i in range(320)))
    assert diagnosed(stuck) == ["scale.stuck-code"]
    off = written(tmp_path, "t_s,counts\n" + "".join(f"{i / 80},8388607\n" for i in range(320)))
    assert diagnosed(off) == ["scale.saturated", "scale.stuck-code"]


def test_record_and_watch_talk_to_the_named_driver(box: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.csv"
    assert run("scale", "record", again, "--driver", "trace", "--path", box, "--seconds", "0.3").exit_code == 0
    assert again.read_text().splitlines()[:2] == ["t_s,counts", again.read_text().splitlines()[1]]
    assert run("scale", "record", again, "--driver", "trace", "--path", box, "--seconds", "0.1").exit_code == 2
    assert run("scale", "watch", "--driver", "trace", "--path", box, *COUNTS, "--seconds", "0.2").exit_code == 0
    missing = run("scale", "watch", "--driver", "trace", "--path", tmp_path / "none.csv")
    assert missing.exit_code == 1
    assert missing.stderr.startswith("trace.missing")
