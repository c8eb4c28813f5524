"""What a station gets: the wheel has the program and its files, and needs nothing of what developers have."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Imports each module of the program in a Python that has neither the developers' packages nor a Pi's.
IMPORT_ALL = """
import importlib, pkgutil, sys

ABSENT = {"hypothesis", "iotcore", "lgpio", "matplotlib", "mypy", "picamera2", "py3dbp", "pytest", "RPi", "spidev"}

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Nothing())
for package in ("agent", "calibration", "firmware_config"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if module.name != "agent.__main__":
            importlib.import_module(module.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel", "--wheel-dir", str(folder)]
    subprocess.run([*pip, "--no-deps", "--no-index", "--no-build-isolation", str(ROOT)], check=True)
    return zipfile.ZipFile(next(folder.glob("packbench-*.whl")))


def test_the_wheel_has_every_file_of_the_program_and_no_test(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = {path.relative_to(ROOT).as_posix() for package in ("agent", "calibration", "firmware_config")
             for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert inside == files
    assert any(name.endswith("LICENSE") for name in wheel.namelist())


def test_the_wheel_asks_for_what_runs_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    asked = message_from_string(wheel.read(name).decode()).get_all("Requires-Dist") or []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert len([line for line in asked if "extra ==" not in line]) == len(project["dependencies"])


def test_the_program_needs_no_developers_package_and_no_pi() -> None:
    run = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
