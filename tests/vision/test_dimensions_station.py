from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from agent.cli.camera import group
from agent.vision.dimensions_station import StationFileError, load_station, read_manifest
from tests.campaigns.dimensions import Tally, run

RECORDINGS = os.environ.get("PACKBENCH_RECORDINGS", "")
needs_recordings = pytest.mark.skipif(not RECORDINGS, reason="PACKBENCH_RECORDINGS is not set")


def manifest() -> dict[str, Any]:
    return {"cameras": {"a": {"size": [320, 240], "background": ["empty.png"], "estimate": {
        "K": [[250, 0, 160], [0, 250, 120], [0, 0, 1]], "dist": [0, 0, 0, 0, 0],
        "R_world_to_cam": [[1, 0, 0], [0, -1, 0], [0, 0, -1]], "t": [0, 0, 900]}}},
        "measurements": [{"id": "m", "views": [{"camera": "a", "file": "box.png"}]}]}


def written(folder: Path, content: dict[str, Any], size: tuple[int, int] = (320, 240)) -> Path:
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    for name in ("empty.png", "box.png"):
        (folder / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    path = folder / "manifest.json"
    path.write_text(json.dumps(content))
    return path


def test_a_manifest_with_several_faults_names_all_of_them(tmp_path: Path) -> None:
    content = manifest()
    content["cameras"]["a"]["estimate"]["R_world_to_cam"] = [[1, 0, 0], [0, 1, 0], [0, 0, 2]]
    content["measurements"].append({"id": "n", "views": [{"camera": "b", "file": "box.png"}]})
    with pytest.raises(StationFileError) as caught:
        load_station(written(tmp_path, content))
    assert caught.value.problems == ["camera a: R_world_to_cam is no rotation", "measurement n: no camera is called b"]


def test_a_calibration_for_another_picture_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StationFileError, match="is 320 x 200"):
        load_station(written(tmp_path, manifest(), (320, 200)))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"cameras": 3}', b"[" * 100_000])
def test_a_file_that_is_no_manifest_is_a_reason_and_exit_2(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(StationFileError):
        read_manifest(path)
    done = CliRunner().invoke(group, ["measure", "--station", str(path)])
    assert done.exit_code == 2
    assert "station.unusable" in done.output


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_broken_picture_is_refused_and_the_others_go_on(tmp_path: Path, content: bytes) -> None:
    station = manifest()
    station["measurements"].append({"id": "n", "views": [{"camera": "a", "file": "broken.png"}]})
    path = written(tmp_path, station)
    (tmp_path / "broken.png").write_bytes(content)
    done = CliRunner().invoke(group, ["measure", "--station", str(path), "--json"])
    answers = json.loads(done.stdout)
    assert answers["m"]["reason"] == "dimensions.empty"
    assert answers["n"]["reason"] == "camera.bad-frame"


def test_a_manifest_with_no_such_board_and_no_estimate_is_a_reason(tmp_path: Path) -> None:
    station = manifest()
    del station["cameras"]["a"]["estimate"]
    station["cameras"]["a"] |= {"calibration_images": ["box.png"], "flat_board_image": "box.png"}
    station["board"] = {"dictionary": "DICT_X"}
    done = CliRunner().invoke(group, ["measure", "--station", str(written(tmp_path, station))])
    assert done.exit_code == 2
    assert "calibration.no-board" in done.output
    assert "it has no calibration" in done.output


@needs_recordings
def test_the_recorded_example_is_right_or_refused(tmp_path: Path) -> None:
    folder = Path(RECORDINGS) / "dimension" / "example"
    done = CliRunner().invoke(group, ["measure", "--station", str(folder / "manifest.json"), "--json",
                                      "--draw", str(tmp_path)])
    assert done.exit_code == 0
    answers, truth = json.loads(done.stdout), json.loads((folder / "truth.json").read_text())["measurements"]
    assert sum(answer["ok"] for answer in answers.values()) >= 3
    for name, answer in answers.items():
        if answer["ok"]:
            sides = [answer["length_mm"], answer["width_mm"], answer["height_mm"]]
            assert np.abs(np.array(sides) - truth[name]["edge_mm"]).max() < 3
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.png" for name in answers}


def test_an_unseen_station_has_no_wrong_answer() -> None:
    tally = Tally()
    run("single-49", 31, ("plain", "hard-shadow", "bag"), tally)
    assert tally.wrong == []
    assert tally.measured >= 2
    assert max(tally.worst_mm) < 5
