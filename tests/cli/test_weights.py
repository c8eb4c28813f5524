"""What the station knows, through its commands: kept in the store of a station that runs or not."""

from __future__ import annotations

import json
import queue
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner, Result

from agent.adviser import Adviser
from agent.cartons import Cartons
from agent.cli.carton import group as carton
from agent.cli.weights import group as weights
from agent.local import LocalSocket, Request
from agent.packing.weights import Weight
from agent.station.records import SaveSuggestion
from agent.station.values import SuggestedCarton, Suggestion
from agent.store import Store
from agent.store.shelf import read_shelf, shelf_of
from firmware_config.settings import Packing
from tests.builders import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import click

SKUS = "sku;weight_g;length_mm;width_mm;height_mm\nMUG;310;120;95;100\nTEA;;110;70;60\nBAD;300;;70;60\n"


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Path]:
    """A running station as far as the socket goes: the owner of the store answers in its own thread."""
    inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
    local = LocalSocket(tmp_path / "sock", inbox.put)

    def own() -> None:
        store = Store(tmp_path, station="st-1")
        adviser, book = Adviser(store, settings()), Cartons(Packing(), lambda _: None, lambda: 0)
        local.start()
        while isinstance(request := inbox.get(), Request):
            request.answer(adviser.answer(request, book))
        store.close()

    owner = threading.Thread(target=own, daemon=True)
    owner.start()
    while owner.is_alive() and not (tmp_path / "sock").exists():
        owner.join(0.01)
    yield tmp_path
    local.close()
    inbox.put(None)
    owner.join(10)


def run(group: click.Group, directory: Path, *words: str) -> Result:
    more = () if words[0] in ("export", "clearance") else ("--socket", str(directory / "sock"))
    return CliRunner().invoke(group, [*words, "--directory", str(directory), *more], catch_exceptions=False)


def learned(directory: Path) -> None:
    """Let a station that does not run have learned something."""
    with shelf_of(directory) as shelf:
        shelf.learn({"sku:MUG": msgspec.json.encode(Weight(312.5, 4.0, 0.01, 9)),
                     "carton:S": msgspec.json.encode(Weight(121.0, 1.0, 0.015, 40)),
                     "sku:TORN": b"{", "alertness": b"{}", "misfit:sku:MUG": b"3", "misfit:carton:S": b"4"})


def test_a_file_goes_into_the_running_stations_store_and_bad_rows_are_all_named(station: Path) -> None:
    (station / "skus.csv").write_text(SKUS)
    result = run(carton, station, "import", str(station / "skus.csv"))
    assert result.exit_code == 1
    assert "2 SKUs (1 with unknown size or weight), 1 rows refused; the station has them" in result.output
    assert "row 4: " in result.output
    with read_shelf(station) as shelf:
        assert sorted(shelf.catalogue()) == ["sku:MUG", "sku:TEA"]


def test_a_large_catalogue_goes_in_parts(station: Path) -> None:
    rows = "".join(f"S{number};{number + 1};100;{number + 100};100\n" for number in range(400))
    (station / "many.csv").write_text("sku;weight_g;length_mm;width_mm;height_mm\n" + rows)
    assert run(carton, station, "import", str(station / "many.csv")).exit_code == 0
    with read_shelf(station) as shelf:
        assert len(shelf.catalogue()) == 400


def test_without_a_running_station_the_file_goes_into_its_store_and_begins_no_life(tmp_path: Path) -> None:
    learned(tmp_path)
    (tmp_path / "skus.csv").write_text(SKUS.replace("BAD;300;;70;60\n", ""))
    assert run(carton, tmp_path, "import", str(tmp_path / "skus.csv")).exit_code == 0
    store = Store(tmp_path, station="st-1")
    assert (store.boot, sorted(store.shelf.catalogue())) == (1, ["sku:MUG", "sku:TEA"])
    store.close()


def test_where_there_is_no_station_at_all_nothing_is_kept_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "skus.csv").write_text(SKUS.replace("BAD;300;;70;60\n", ""))
    result = run(carton, tmp_path, "import", str(tmp_path / "skus.csv"))
    assert "nothing was kept: no station runs" in result.output
    assert not (tmp_path / "packbench.db").exists()
    assert "nothing was kept" in run(carton, tmp_path, "import", str(tmp_path / "skus.csv"), "--check").output


def test_weights_are_exported_as_a_table_and_as_json(tmp_path: Path) -> None:
    learned(tmp_path)
    assert run(weights, tmp_path, "export").output.splitlines() == [
        "kind,name,grams,sd_g,spread,seen", "carton,S,121.0,1.0,0.015,40", "sku,MUG,312.5,2.0,0.01,9"]
    rows = json.loads(run(weights, tmp_path, "export", "--json").output)
    assert [row["name"] for row in rows] == ["S", "MUG"]
    assert run(weights, tmp_path, "export", "--out", str(tmp_path / "w.csv")).output.startswith("2 weights")


def test_a_reset_begins_one_sku_anew_and_leaves_the_others(tmp_path: Path) -> None:
    learned(tmp_path)
    (tmp_path / "skus.csv").write_text("sku;weight_g\nMUG;310\n")
    run(carton, tmp_path, "import", str(tmp_path / "skus.csv"))
    assert run(weights, tmp_path, "reset", "MUG").output == "MUG begins with 310 g, give or take 35 g.\n"
    rows = {row["name"]: row["seen"] for row in json.loads(run(weights, tmp_path, "export", "--json").output)}
    assert rows == {"S": 40, "MUG": 0}
    unknown = run(weights, tmp_path, "reset", "NEVER")
    assert (unknown.exit_code, "weights.unknown-sku" in unknown.output) == (1, True)


def test_a_running_station_resets_what_it_believes_itself(station: Path) -> None:
    (station / "skus.csv").write_text("sku;weight_g\nMUG;310\n")
    run(carton, station, "import", str(station / "skus.csv"))
    unknown = run(weights, station, "reset", "MUG")
    assert (unknown.exit_code, "weights.unknown-sku" in unknown.output) == (1, True)


def test_what_did_not_fit_is_shown_with_the_room_that_it_gets(tmp_path: Path) -> None:
    learned(tmp_path)
    assert [line.split() for line in run(carton, tmp_path, "clearance").output.splitlines()] == [
        ["carton", "S", "did", "not", "fit", "4", "times:", "2", "mm", "more", "room"],
        ["sku", "MUG", "did", "not", "fit", "3", "times:", "4", "mm", "more", "room"]]
    assert json.loads(run(carton, tmp_path, "clearance", "--json").output)[0]["room_mm"] == 2
    with shelf_of(tmp_path) as shelf:
        shelf.learn({"misfit:sku:MUG": b"0", "misfit:carton:S": b"0"})
    assert run(carton, tmp_path, "clearance").output == "Everything fitted.\n"


def test_the_packing_of_a_jobs_record_can_be_drawn(tmp_path: Path) -> None:
    box = SuggestedCarton(carton="S", inner_mm=(200, 150, 100), outer_mm=(208, 158, 110), contents=(("MUG", 1),),
                          placements=(("MUG", (0, 0, 0), (120, 95, 90)),))
    store = Store(tmp_path, station="st-1")
    with store.transaction():
        store.apply([SaveSuggestion("J-1", 1, Suggestion(cartons=(box,)))], at_ms=0, wall_ms=0, time_ok=True)
    store.close()
    out = tmp_path / "j.png"
    told = CliRunner().invoke(carton, ["draw", "--job", "J-1", "--directory", str(tmp_path), "--out", str(out)])
    assert told.output.splitlines() == [
        "J-1, carton 1: S", "1. MUG: left back corner, lying flat, long side left to right, on the floor"]
    assert out.stat().st_size > 500
    assert CliRunner().invoke(carton, ["draw", "--job", "J-2", "--directory", str(tmp_path)]).exit_code == 2
    assert CliRunner().invoke(carton, ["draw", "--directory", str(tmp_path)]).exit_code == 2


@pytest.mark.parametrize("words", [("export",), ("reset", "MUG")])
def test_no_store_is_an_error_with_what_to_do(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = run(weights, tmp_path, *words)
    assert (result.exit_code, "store.missing" in result.output) == (1, True)
