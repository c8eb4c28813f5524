"""`packbench carton`: suggest cartons, draw packings, import catalogues."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from agent.packing.model import Plan, Reason


@click.group()
def group() -> None:
    """Suggest cartons, draw packings, import catalogues."""


def load_json(path: Path) -> object:
    """Return the JSON of a file; a clear usage error when it can't be read or is none."""
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, ValueError) as fault:
        msg = f"{path}: {fault}"
        raise click.UsageError(msg) from None
    return found


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
@click.option("--deadline-ms", default=50.0, show_default=True, type=click.FloatRange(1, 60_000))
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
def suggest(orders: Path, catalogues: Path, out: Path | None, deadline_ms: float, clearance_mm: int,  # noqa: PLR0913
            support: float, max_fill: float, objective: str, clock: str, as_json: bool) -> None:  # noqa: FBT001
    """Suggest cartons and placements for every order of ORDERS."""
    from agent.packing.intake import read_catalogues
    from agent.packing.model import Rules
    from agent.packing.suggest import Suggester

    try:
        known = read_catalogues(load_json(catalogues))
    except ValueError as fault:
        msg = f"{catalogues}: {fault}"
        raise click.UsageError(msg) from None
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
        rows[name or f"(line {at + 1})"] = solution(plan, (seconds() - start) * 1000)
        if not as_json and len(listed) > 50 and at % 50 == 49:  # noqa: PLR2004
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
