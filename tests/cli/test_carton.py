"""`packbench carton` as a shell sees it: files in, files out, exit codes, no traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from agent.cli.carton import group
from agent.packing.check import faults
from agent.packing.intake import read_catalogues, read_order
from agent.packing.model import PackedCarton, Placement, Rules

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUES = {"catalogues": [{"id": "shop", "cartons": [
    {"id": "S", "inner": [200, 150, 100], "outer": [206, 156, 112], "tare_g": 80, "max_weight_g": 5000, "cost": 420},
    {"id": "M", "inner": [300, 200, 150], "outer": [306, 206, 162], "tare_g": 140, "max_weight_g": 12000, "cost": 480},
]}]}
ITEM = {"sku": "A", "dims": [120, 90, 60], "weight_g": 400, "upright": False, "max_load_g": None, "qty": 3}
ORDERS = {"orders": [
    {"id": "one", "stratum": "retail", "catalogue": "shop",
     "items": [ITEM, {**ITEM, "sku": "B", "max_load_g": 0, "qty": 1}]},
    {"id": "huge", "catalogue": "shop", "items": [{**ITEM, "dims": [900, 10, 10]}]},
    {"id": "none", "catalogue": "shop", "items": []},
    {"id": "bad", "catalogue": "shop", "items": [{**ITEM, "dims": [0, 10.5, 10]}]},
    {"id": "lost", "catalogue": "elsewhere", "items": [ITEM]},
]}

DRAW = ("draw", "@out.json", "--catalogue", "@catalogues.json")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "catalogues.json").write_text(json.dumps(CATALOGUES))
    (tmp_path / "orders.json").write_text(json.dumps(ORDERS))
    return tmp_path


def run(files: Path, *words: str) -> Result:
    return CliRunner().invoke(group, [word.replace("@", f"{files}/") for word in words], catch_exceptions=False)


def suggested(files: Path, *words: str) -> dict[str, dict[str, object]]:
    result = run(files, "suggest", "--catalogue", "@catalogues.json", "@orders.json", "--out", "@out.json", *words)
    assert result.exit_code == 0, result.output
    solutions: dict[str, dict[str, object]] = json.loads((files / "out.json").read_text())["solutions"]
    return solutions


def test_solutions_have_the_published_format_and_keep_the_rules(files: Path) -> None:
    row = suggested(files)["one"]
    assert isinstance(row["cartons"], list)
    cartons = {carton.id: carton for carton in read_catalogues(CATALOGUES)["shop"].cartons}
    packed = [PackedCarton(cartons[one["carton"]], tuple(
        Placement(place["sku"], tuple(place["pos"]), tuple(place["dims"])) for place in one["placements"]), 0)
        for one in row["cartons"]]
    assert faults(packed, read_order(ORDERS["orders"][0]).items, Rules()) == []
    assert row["predicted_weight_g"] == 4 * 400 + packed[0].carton.tare_g
    assert isinstance(row["time_ms"], float)


def test_every_order_without_a_carton_has_a_reason(files: Path) -> None:
    rows = suggested(files)
    told = {name: [reason["code"] for reason in row.get("reasons", [])] for name, row in rows.items()}  # type: ignore[attr-defined]  # lists, by the format
    assert told == {"one": [], "huge": ["item.too-big"], "none": ["order.empty"], "bad": ["size.out-of-range"],
                    "lost": ["order.catalogue-unknown"]}


def test_the_same_file_gives_the_same_placements(files: Path) -> None:
    first, second = suggested(files), suggested(files, "--deadline-ms", "60")
    assert first["one"]["cartons"] == second["one"]["cartons"]


@pytest.mark.parametrize(("name", "content"), [
    ("orders.json", "{"), ("orders.json", "[]"), ("orders.json", '{"orders": 3}'), ("orders.json", b"\xff\xfe"),
    ("catalogues.json", '{"catalogues": [{}]}'), ("catalogues.json", "[" * 100_000),
])
def test_a_broken_file_is_a_usage_error(files: Path, name: str, content: str | bytes) -> None:
    (files / name).write_bytes(content.encode() if isinstance(content, str) else content)
    result = run(files, "suggest", "--catalogue", "@catalogues.json", "@orders.json", "--out", "@out.json")
    assert result.exit_code == 2
    assert name in result.output


def test_a_missing_file_is_a_usage_error(files: Path) -> None:
    assert run(files, "suggest", "--catalogue", "@catalogues.json", "@absent.json").exit_code == 2


def test_draw_writes_the_steps_and_both_kinds_of_picture(files: Path) -> None:
    suggested(files)
    for name in ("all.svg", "all.png"):
        result = run(files, *DRAW, "--order", "one", "--out", f"@{name}")
        assert result.exit_code == 0, result.output
        assert "1. " in result.output
    assert "<polygon" in (files / "all.svg").read_text()
    assert (files / "all.png").read_bytes().startswith(b"\x89PNG")
    told = json.loads(run(files, *DRAW, "--order", "one", "--json").output)
    assert sum(step["count"] for step in told["steps"]) == 4


@pytest.mark.parametrize("words", [("--order", "huge"), ("--order", "nobody"), ("--order", "one", "--carton", "9"),
                                   ("--order", "one", "--step", "99")])
def test_draw_refuses_what_is_not_there(files: Path, words: tuple[str, ...]) -> None:
    suggested(files)
    assert run(files, *DRAW, *words).exit_code == 2


def test_import_says_which_rows_it_refused_and_makes_a_catalogue(files: Path) -> None:
    header = ",".join(f"{side}_{edge}_mm" for side in ("inner", "outer") for edge in ("length", "width", "height"))
    (files / "cartons.csv").write_text(f"carton,{header},tare_g,max_weight_g,cost_eur\n"
                                       "S,200,150,100,206,156,112,80,5000,4.20\nT,200,150,100,206,156,112,80,5000,\n")
    result = run(files, "import", "@cartons.csv", "--out", "@made.json", "--name", "shop")
    assert result.exit_code == 1
    assert "row 3: Carton T: cost is unknown" in result.output
    made = read_catalogues(json.loads((files / "made.json").read_text()))
    assert [carton.id for carton in made["shop"].cartons] == ["S"]
    (files / "bare.csv").write_text("")
    assert run(files, "import", "@bare.csv").exit_code == 2
