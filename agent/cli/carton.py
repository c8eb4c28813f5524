"""`packbench carton`: suggest cartons, draw packings, import catalogues."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.carton_store import clearance, import_, load_json, stored_packing
from agent.cli.store import DIRECTORY

if TYPE_CHECKING:
    from agent.packing.model import PackedCarton, Plan, Reason


@click.group()
def group() -> None:
    """Suggest cartons, draw packings, import catalogues."""


def _reason_rows(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [{"code": reason.code, "sentence": reason.sentence, "about": reason.about} for reason in reasons]


def solution(plan: Plan, spent_ms: float) -> dict[str, object]:
    """Return a plan in the solutions format, with what else the plan knows."""
    row: dict[str, object] = {"time_ms": round(spent_ms, 3)}
    if plan.found:
        row["predicted_weight_g"] = sum(packed.gross_g for packed in plan.cartons)
        row |= {"cost": plan.cost_cents, "lower_bound_cost": plan.lower_bound_cents, "proven": plan.proven}
        row["runner_up"] = plan.runner_up.carton.id if plan.runner_up else None
    row["cartons"] = [
        {"carton": packed.carton.id, "placements": [
            {"sku": one.sku, "pos": list(one.pos_mm), "dims": list(one.dims_mm)} for one in packed.placements]}
        for packed in plan.cartons]
    if plan.reasons:
        row["reasons"] = _reason_rows(plan.reasons)
    return row


@group.command()
@click.argument("orders", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--catalogue", "catalogues", required=True, type=click.Path(path_type=Path, dir_okay=False),
              help="File with the carton catalogues that the orders name.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the solutions go.")
@click.option("--deadline-ms", default=50.0, show_default=True, type=click.FloatRange(0, 60_000))
@click.option("--clearance-mm", default=0, show_default=True, type=click.IntRange(0, 200),
              help="Room added to each item per axis.")
@click.option("--support", default=0.70, show_default=True, type=click.FloatRange(0, 1),
              help="Share of an item's base that must rest on something.")
@click.option("--max-fill", default=1.0, show_default=True, type=click.FloatRange(0.05, 1),
              help="Largest share of the inside that items may take.")
@click.option("--objective", default="cost", show_default=True, type=click.Choice(["cost", "parcels", "volume"]))
@click.option("--clock", default="cpu", show_default=True, type=click.Choice(["cpu", "wall"]),
              help="What the deadline counts: this process's own time, or time on the wall as a station does.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def suggest(  # noqa: PLR0913 (one parameter an option)
    orders: Path, catalogues: Path, *, out: Path | None, deadline_ms: float, clearance_mm: int,
    support: float, max_fill: float, objective: str, clock: str, as_json: bool,
) -> None:
    """Suggest cartons and placements for every order of ORDERS."""
    from agent.packing.intake import IntakeError, read_catalogues
    from agent.packing.model import Rules
    from agent.packing.suggest import Suggester

    try:
        known = read_catalogues(load_json(catalogues))
    except IntakeError as fault:
        raise click.UsageError(f"{catalogues}: {fault}") from None
    raw = load_json(orders)
    listed = raw.get("orders") if isinstance(raw, dict) else None
    if not isinstance(listed, list):
        msg = f'{orders}: no list under "orders"'
        raise click.UsageError(msg)
    rules = Rules(round(support * 1000), clearance_mm, round(max_fill * 1000), objective)
    seconds = time.process_time if clock == "cpu" else time.monotonic
    suggester = Suggester(rules, lambda: seconds() * 1000, deadline_ms)
    rows: dict[str, dict[str, object]] = {}
    for at, one in enumerate(listed):
        start = seconds()
        name, plan = suggester.for_raw_order(one, known)
        key = name if name and name not in rows else f"{name} (line {at + 1})".strip()
        rows[key] = solution(plan, (seconds() - start) * 1000)
        if not as_json and len(listed) > 50 and at % 50 == 49:
            click.echo(f"{at + 1} of {len(listed)}", err=True)
    text = json.dumps({"solutions": rows}, separators=(",", ":"))
    if out is not None:
        out.write_text(text, encoding="utf-8")
    _summary(rows, as_json=as_json, printed=text if out is None else None)


def _summary(rows: dict[str, dict[str, object]], *, as_json: bool, printed: str | None) -> None:
    without = [name for name, row in rows.items() if not row["cartons"]]
    if printed is not None:
        click.echo(printed)
    elif as_json:
        click.echo(json.dumps({"orders": len(rows), "without_carton": without,
                               "proven": sum(bool(row.get("proven")) for row in rows.values())}))
    else:
        click.echo(f"{len(rows)} orders, {len(rows) - len(without)} with cartons, "
                   f"{sum(bool(row.get('proven')) for row in rows.values())} proven cheapest")
        for name in without:
            reasons = rows[name].get("reasons")
            for reason in reasons if isinstance(reasons, list) else []:
                click.echo(f"{name}: {reason['sentence']} [{reason['code']}]")


@group.command()
@click.argument("solutions", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--catalogue", "catalogues", type=click.Path(path_type=Path, dir_okay=False),
              help="File with the carton catalogues of SOLUTIONS.")
@click.option("--order", default="", help="Which order of SOLUTIONS.")
@click.option("--job", default="", help="Instead of SOLUTIONS: a job of the station whose record is in --directory.")
@DIRECTORY
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="An .svg or .png file.")
@click.option("--carton", "number", default=1, show_default=True, help="Which of the order's cartons.")
@click.option("--step", type=click.IntRange(min=1), help="Draw up to this step, which is marked; else the full carton.")
@click.option("--width-px", default=420, show_default=True, type=click.IntRange(80, 4000))
@click.option("--black-and-white", is_flag=True, help="PNG in one bit, as a slip prints it.")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
def draw(  # noqa: PLR0913 (one parameter an option)
    solutions: Path | None, catalogues: Path | None, *, order: str, job: str, directory: Path, out: Path | None,
    number: int, step: int | None, width_px: int, black_and_white: bool, as_json: bool,
) -> None:
    """Draw how a carton of SOLUTIONS, or of a job's record, is packed, and say it in words."""
    from agent.packing.isometric import draw as drawn
    from agent.packing.isometric import svg
    from agent.packing.steps import steps

    if job:
        packed = stored_packing(directory, job, number)
    elif solutions is None or catalogues is None or not order:
        msg = "name SOLUTIONS with --catalogue and --order, or a --job"
        raise click.UsageError(msg)
    else:
        packed = _packed(load_json(solutions), load_json(catalogues), order, number, solutions)
    moves = steps(packed)
    if step is not None and step > len(moves):
        msg = f"the carton has {len(moves)} steps"
        raise click.BadParameter(msg, param_hint="--step")
    upto = None if step is None else sum(len(move.units) for move in moves[:step])
    picture = drawn(packed, upto, len(moves[step - 1].units) if step else 1)
    title = f"{job or order}, carton {number}: {packed.carton.id}"
    words = [f"{at}. {move.words}" for at, move in enumerate(moves, 1)]
    if out is not None and out.suffix.lower() == ".png":
        from agent.papers.packing_picture import packing_picture

        packing_picture(picture, width_px, one_bit=black_and_white).save(out)
    elif out is not None:
        shown = words if step is None else [words[step - 1]]
        out.write_text(svg(picture, title, shown, width_px), encoding="utf-8")
    if as_json:
        click.echo(json.dumps({"order": job or order, "carton": packed.carton.id, "steps": [
            {"sku": move.sku, "count": len(move.units), "words": move.words,
             "at_mm": [list(one.pos_mm) for one in move.units]} for move in moves]}))
    else:
        click.echo("\n".join([title, *words]))


def _packed(solutions: object, catalogues: object, order: str, number: int, source: Path) -> PackedCarton:
    """Return one carton of a solutions file; a usage error when the file does not have it."""
    from agent.packing.intake import IntakeError, read_catalogues
    from agent.packing.model import PackedCarton, Placement

    try:
        cartons = solutions["solutions"][order]["cartons"]  # type: ignore[index]  # any shape: caught below
        chosen = cartons[number - 1]
        name = chosen["carton"]
        placements = tuple(Placement(str(one["sku"]), _triple(one["pos"]), _triple(one["dims"]))
                           for one in chosen["placements"])
    except (KeyError, IndexError, TypeError, ValueError):
        msg = f"{source} has no carton {number} of order {order} with placements"
        raise click.UsageError(msg) from None
    try:
        known = read_catalogues(catalogues)
    except IntakeError as fault:
        raise click.UsageError(str(fault)) from None
    sizes = {carton.id: carton for catalogue in known.values() for carton in catalogue.cartons}
    if name not in sizes:
        msg = f"no catalogue has the carton {name}"
        raise click.UsageError(msg)
    return PackedCarton(sizes[name], placements, 0)


def _triple(edges: list[int]) -> tuple[int, int, int]:
    x, y, z = (int(edge) for edge in edges)
    return x, y, z


group.add_command(import_)
group.add_command(clearance)
