"""Many seeds of the simulated station, for this core or any other: `python -m tests.campaigns.simulation [--seeds N]`.

`--core PATH` names a Python file with a `step`, a `shell` (a subclass of `Shell`) or an `oms` of its own; `--mutants`
runs every file in `tests/simulation/mutants` and says in how many seeds each was found.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.simulation.node import Shell
from tests.simulation.oms import Oms
from tests.simulation.story import empty_template, tell
from tests.simulation.world import ViolationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

MUTANTS = Path(__file__).parent.parent / "simulation" / "mutants"


def load(path: Path) -> ModuleType:
    """Return a core file as a module."""
    spec = importlib.util.spec_from_file_location(f"core_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failures(
    core: ModuleType | None, seeds: Iterable[int], template: bytes, *, on_files: bool,
) -> list[tuple[int, str]]:
    """Return the seeds in which a promise was broken, with the first line of why."""
    parts: dict[str, Any] = vars(core) if core is not None else {}
    found = []
    with mock.patch("agent.run.step", parts["step"]) if "step" in parts else mock.MagicMock():
        for seed in seeds:
            try:
                tell(seed, template, shell=parts.get("shell", Shell), oms_kind=parts.get("oms", Oms), on_files=on_files)
            except ViolationError as broken:
                found.append((seed, str(broken).splitlines()[0][:110]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--file-seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--core", type=Path)
    parser.add_argument("--mutants", action="store_true")
    chosen = parser.parse_args()
    template = empty_template()
    cores = sorted(MUTANTS.glob("*.py")) if chosen.mutants else [chosen.core]
    print(f"{'core':28s} {'memory':>14s} {'files':>10s}  first finding")
    bad = False
    for path in cores:
        began_s = time.process_time()
        core = load(path) if path is not None else None
        memory = failures(core, range(chosen.first, chosen.first + chosen.seeds), template, on_files=False)
        files = failures(core, range(chosen.first, chosen.first + chosen.file_seeds), template, on_files=True)
        first = (memory + files)[0][1] if memory or files else "-"
        print(f"{path.stem if path else 'agent':28s} {len(memory):>6d}/{chosen.seeds:<7d} {len(files):>4d}/"
              f"{chosen.file_seeds:<5d}  {first}  ({time.process_time() - began_s:.0f} s CPU)")
        bad = bad or bool(memory or files) != bool(chosen.mutants)
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
