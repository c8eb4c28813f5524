"""The rules of the tree, measured: sizes, names, imports, catch-alls. Each exception is listed here with its reason."""

from __future__ import annotations

import ast
import os
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("agent", "calibration", "firmware_config")
PURE = ("agent/packing", "agent/station", "agent/weighing")
FOLDERS = {*PRODUCT, "systemd", "tests"}

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS = {"agent/station/machine.py:step": "the whole behaviour as one match table: in parts it can't be read"}

HARDWARE = {"RPi", "brother_ql", "evdev", "gpiozero", "hx711", "lgpio", "picamera2", "serial", "smbus", "spidev", "usb"}
HEAVY = {"PIL", "biip", "cryptography", "cv2", "gpiozero", "matplotlib", "numpy", "pypdfium2", "serial", "sqlite_utils",
         "zxingcpp"}
# brother_ql is a library of tables and bytes to us: its transports are not used.
OUTSIDE_WORLD = (HARDWARE - {"brother_ql"}) | {
    "fcntl", "mmap", "multiprocessing", "os", "select", "selectors", "socket", "subprocess", "termios",
    "threading", "time", "tty",
}
GENERATED = {"__pycache__", "demo-out", "dist"}


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function with its length in lines, docstring not counted."""
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            doc_lines = lines_of(first) if ast.get_docstring(node) else 0
            yield f"{name_of(path)}:{node.name}", lines_of(node) - doc_lines


def imports_of(path: Path) -> Iterator[str]:
    """Yield the dotted name of every module that the file imports, at its top or inside functions."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def text_files() -> Iterator[tuple[Path, str]]:
    """Yield every text file of the tree, generated folders left out."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name == ".ci" or not (name.startswith(".") or name in GENERATED)]
        for path in (Path(folder) / name for name in names):
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


# Sizes -------------------------------------------------------------------------------------------------------------


def test_no_file_is_longer_than_400_lines() -> None:
    files = python_files(*PRODUCT, "tests")
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > 400 and name not in LONG_FILES} == {}
    assert {name for name in LONG_FILES if lengths.get(name, 0) <= 400} == set(), "exceptions no longer needed"


def test_no_function_is_longer_than_70_lines() -> None:
    lengths = dict(each for path in python_files(*PRODUCT, "tests") for each in functions_of(path))
    assert {name: length for name, length in lengths.items() if length > 70 and name not in LONG_FUNCTIONS} == {}
    assert {name for name in LONG_FUNCTIONS if lengths.get(name, 0) <= 70} == set(), "exceptions no longer needed"


def test_nineteen_of_twenty_functions_have_at_most_45_lines() -> None:
    lengths = [length for path in python_files(*PRODUCT) for _, length in functions_of(path)]
    assert statistics.quantiles(lengths, n=20)[-1] <= 45


# Errors ------------------------------------------------------------------------------------------------------------


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Return whether this handler swallows every error; one that ends by raising again only tidies up."""
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = any(each is None or ast.unparse(each) in {"Exception", "BaseException"} for each in caught)
    last = handler.body[-1]
    return broad and not (isinstance(last, ast.Raise) and last.exc is None)


def test_the_program_has_one_catch_all_and_it_is_in_the_owner_loop() -> None:
    found = [name_of(path) for path in python_files(*PRODUCT) for node in nodes_of(path)
             if isinstance(node, ast.ExceptHandler) and catches_all(node)]
    assert found in ([], ["agent/run.py"])


def test_every_exception_from_a_rule_says_why() -> None:
    codes = r"noqa(?:: ?[A-Z]+\d+(?:, ?[A-Z]+\d+)*)?|type: ignore(?:\[[\w, -]+\])?|pragma: \w+"
    marker = re.compile(f"# (?:{codes})(?P<reason>.*)")
    bare = [f"{name_of(path)}:{number}" for path in python_files(*PRODUCT, "tests") if path != Path(__file__)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if (found := marker.search(line)) and len(found["reason"]) < 5]
    assert bare == []


# Names -------------------------------------------------------------------------------------------------------------

EMPTY_WORDS = {"manager", "handler", "helper", "helpers", "util", "utils"}
EMPTY_NAMES = {"data", "info"}
# Words that others chose, kept where their messages are read and written.
NAMED_BY_OTHERS = {
    ("agent/messages/outbound.py", "data"): "CloudEvents calls the payload so",
    ("agent/demo/audit.py", "data"): "CloudEvents calls the payload so",
    ("agent/demo/oms.py", "data"): "CloudEvents calls the payload so",
    ("agent/station/values.py", "data"): "the contract calls the content of a paper so",
}
EMPTY_VERBS = ("process_", "do_", "handle_")


def names_given(path: Path) -> Iterator[str]:
    """Yield every name that the file gives: itself, classes, functions, arguments, variables, fields."""
    yield path.stem
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def is_empty(name: str) -> bool:
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    return bool(words & EMPTY_WORDS) or name in EMPTY_NAMES or name.startswith(EMPTY_VERBS)


def test_names_are_nouns_of_the_problem() -> None:
    given = [(name_of(path), name) for path in python_files(*PRODUCT) for name in names_given(path)]
    assert {each for each in given if is_empty(each[1])} - NAMED_BY_OTHERS.keys() == set()


# Tests -------------------------------------------------------------------------------------------------------------


def test_no_test_sleeps() -> None:
    """Campaigns may: they wait for programs that know nothing of them."""
    quick = [path for path in python_files("tests") if "campaigns" not in path.parts]
    sleeping = [f"{name_of(path)}:{node.lineno}" for path in quick for node in nodes_of(path)
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sleep", "time.sleep", "asyncio.sleep"}]
    assert sleeping == []


# The tree ----------------------------------------------------------------------------------------------------------


def test_the_top_level_has_five_folders() -> None:
    ignored = {line.strip("/\n") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    assert {folder for folder in folders - ignored if not folder.endswith(".egg-info")} <= FOLDERS


def test_locks_pin_by_hash_and_name_no_address() -> None:
    for lock in sorted(ROOT.glob("*.lock")):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock.name
        pins = re.split(r"\n(?=\S)", text.strip())
        assert all("==" in pin and "--hash=sha256:" in pin for pin in pins), lock.name


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    hosts = ["py" + "pi.org", "python" + "hosted.org", "deb." + "debian.org", "archive." + "raspberrypi"]
    folders = ["/" + "work/", "/" + "root/", "/" + "home/"]
    assert [(name_of(path), word) for path, text in text_files() for word in hosts + folders if word in text] == []


# Imports -----------------------------------------------------------------------------------------------------------


CONTRACTS: dict[str, dict[str, list[str]]] = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
}
LAYERS = [re.findall(r"[\w.]+", layer) for layer in CONTRACTS["layers"]["layers"]]


def exists(module: str) -> bool:
    path = ROOT / module.replace(".", "/")
    return (path / "__init__.py").exists() or path.with_suffix(".py").exists()


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def broken_tree(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what import-linter says of a copy of the tree in which every contract is broken in every way it names."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PRODUCT:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in violations():
        place = folder / source.replace(".", "/")
        place = place / "violation.py" if place.is_dir() else place.with_suffix(".py")
        with place.open("a", encoding="utf-8") as file:
            file.write(f"import {target}\n")
    run = lint_imports(folder)
    assert run.returncode == 1, run.stderr
    return run.stdout


def violations() -> list[tuple[str, str]]:
    """Return (importer, imported) for each layer and the one above it, for siblings, and for each forbidden module."""
    present = [layer for layer in ([module for module in row if exists(module)] for row in LAYERS) if layer]
    upward = [(low, high) for above, below in pairwise(present) for low in below for high in above]
    sideways = [(a, b) for layer in present for a in layer for b in layer if a != b]
    forbidden = [(source, target) for contract in CONTRACTS.values() for source in contract.get("source_modules", [])
                 for target in contract["forbidden_modules"]]
    return sorted({*upward, *sideways, *forbidden})


def test_import_rules_hold() -> None:
    run = lint_imports(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_import_rule_is_found_broken_when_it_is(broken_tree: str) -> None:
    missed = [f"{source} -> {target}" for source, target in violations()
              if not re.search(rf"{re.escape(source)}(\.violation)? -> {re.escape(target)}\b", broken_tree)]
    assert missed == []


def test_each_contract_can_fail(broken_tree: str) -> None:
    names = {contract["name"] for contract in CONTRACTS.values()}
    assert {name for name in names if f"{name} BROKEN" not in broken_tree} == set()


def test_the_pure_parts_never_ask_what_time_it_is() -> None:
    asking = [f"{name_of(path)}:{node.lineno}" for path in python_files(*PURE) for node in nodes_of(path)
              if isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow"}]
    assert asking == []


def test_every_module_of_the_agent_has_a_layer() -> None:
    modules = {f"agent.{path.stem}" for path in (ROOT / "agent").iterdir() if path.suffix != ".md"} - {"agent.__init__"}
    modules = {module for module in modules if exists(module)}
    assert modules - {module for layer in LAYERS for module in layer} == set()


def test_the_bench_is_forbidden_everything_but_devices() -> None:
    below = {module for layer in LAYERS for module in layer if module.startswith("agent.") and exists(module)}
    above = {"agent.__main__", "agent.cli", "agent.demo", "agent.bench", "agent.devices"}
    assert below - above == set(CONTRACTS["bench"]["forbidden_modules"])


def test_what_the_bench_takes_from_devices_are_byte_formats() -> None:
    taken = {name for path in python_files("agent/bench") for name in imports_of(path)}
    for module in sorted(name for name in taken if name.startswith("agent.devices.") and exists(name)):
        path = (ROOT / module.replace(".", "/")).with_suffix(".py")
        assert {name.split(".")[0] for name in imports_of(path)} & OUTSIDE_WORLD == set(), module


def test_hardware_libraries_are_imported_in_their_drivers_only() -> None:
    importers = {(name_of(path), library) for path in python_files(*PRODUCT) for library in imports_of(path)
                 if library.split(".")[0] in HARDWARE}
    assert {(path, library) for path, library in importers if not path.startswith("agent/devices/")} == set()


@pytest.mark.parametrize("module", [name for name in ("agent.__main__", "agent.run") if exists(name)])
def test_heavy_libraries_are_not_loaded_before_they_are_used(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({HEAVY} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
