"""The doctor on machines laid out in a folder, each with one thing wrong."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from agent.fleet import doctor, identity
from firmware_config.settings import parse

if TYPE_CHECKING:
    from pathlib import Path


def lay(root: Path, path: str, text: str = "") -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def found(root: Path) -> dict[str, str]:
    """Return level by code of everything that the doctor says."""
    return {finding.code: finding.level for finding in doctor.examine(root, None)}


THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"


@pytest.mark.parametrize(("path", "text", "code", "level"), [
    (THROTTLED, "0x0\n", "power.supply", "ok"),
    (THROTTLED, "0x50005\n", "power.under-voltage", "bad"),
    (THROTTLED, "0x10000\n", "power.under-voltage", "warn"),
    (THROTTLED, "0x40000\n", "power.throttled", "warn"),
    ("sys/block/mmcblk0/device/life_time", "0x02 0x01\n", "card.wear", "ok"),
    ("sys/block/mmcblk0/device/life_time", "0x0b 0x01\n", "card.worn", "bad"),
    ("sys/fs/ext4/mmcblk0p2/errors_count", "3\n", "card.errors", "bad"),
    ("run/systemd/timesync/synchronized", "", "clock.synchronised", "ok"),
    ("var/lib/packbench/starts", "5 checkout\n", "agent.ends", "bad"),
    ("var/lib/packbench/starts", "1 checkout\n", "agent.ends", "warn"),
    ("var/lib/packbench/crash.old.txt", "Fatal Python error: Aborted\n", "agent.crashed", "warn"),
    ("usr/sbin/ipp-usb", "", "printer.ipp-usb", "warn"),
    ("run/cups/cups.sock", "", "printer.cups", "warn"),
    ("proc/device-tree/model", "Raspberry Pi 5 Model B\0", "pins.lgpio", "bad"),
    ("etc/group", "root:x:0:\n", "user.missing", "warn"),
    ("etc/group", "packbench:x:990:\nvideo:x:44:\n", "user.unit-groups", "bad"),
    ("usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "", "fonts.fonts-noto-cjk", "ok"),
    ("etc/hostname", "station", "fonts.fonts-noto-cjk", "bad"),
])
def test_each_thing_that_can_be_wrong_is_found(tmp_path: Path, path: str, text: str, code: str, level: str) -> None:
    lay(tmp_path, path, text)
    assert found(tmp_path)[code] == level


def test_a_supply_monitor_in_alarm_counts_where_the_firmware_has_no_bits(tmp_path: Path) -> None:
    lay(tmp_path, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    lay(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")
    assert found(tmp_path)["power.under-voltage"] == "bad"


def test_a_database_on_a_disk_that_forgets_is_bad(tmp_path: Path) -> None:
    lay(tmp_path, "var/lib/packbench/packbench.db")
    lay(tmp_path, "proc/self/mounts", f"/dev/mmcblk0p2 / ext4 rw 0 0\noverlay {tmp_path} overlay rw 0 0\n")
    assert found(tmp_path)["disk.forgets"] == "bad"


@pytest.mark.parametrize(("began_days", "code"), [
    (10, "certificate.holds"), (300, "certificate.ends"), (500, "certificate.expired"),
])
def test_a_certificate_that_ends_soon_is_named(tmp_path: Path, began_days: int, code: str) -> None:
    now = dt.datetime.now(dt.UTC)
    key, authority = identity.authority(now)
    _, asked = identity.request("st-1")
    pem = identity.issue(asked, key, authority, now - dt.timedelta(days=began_days), name="st-1")
    lay(tmp_path, "etc/packbench/tls/station.pem", pem.decode())
    settings = parse({"station": {"id": "st-1", "site": "ams1"},
                      "broker": {"url": "mqtts://b", "cert_file": "/run/credentials/tls_station.pem"}}, "test")
    assert [each.code for each in doctor.certificate(tmp_path, settings)] == [code]


def test_two_distributions_of_one_module_are_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("opencv-python", "opencv-python-headless"):
        folder = f"{name.replace('-', '_')}-5.0.dist-info"
        lay(tmp_path, f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 5.0\n")
        lay(tmp_path, f"{folder}/top_level.txt", "cv2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    finding = next(each for each in doctor.distributions() if each.code == "package.cv2")
    assert (finding.level, "opencv-python and opencv-python-headless" in finding.text) == ("bad", True)


@pytest.mark.parametrize(("text", "level"), [("21437\n", "ok"), ("-1500\n", "ok"), ("warm\n", "warn"), ("", "warn")])
def test_a_thermometer_that_can_not_be_read_is_named(tmp_path: Path, text: str, level: str) -> None:
    lay(tmp_path, "sys/temp1_input", text)
    named = parse({"station": {"id": "s", "site": "a"}, "broker": {"url": "mqtt://x"},
                   "scale": {"driver": "spi", "thermometer": "/sys/temp1_input"}}, "test")
    assert [finding.level for finding in doctor.thermometer(tmp_path, named)] == [level]


def test_every_finding_that_is_not_ok_says_the_mend(tmp_path: Path) -> None:
    lay(tmp_path, THROTTLED, "0x50005\n")
    lay(tmp_path, "usr/sbin/ipp-usb")
    assert [each.code for each in doctor.examine(tmp_path, None) if each.level != "ok" and not each.mend] == []
