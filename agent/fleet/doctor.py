"""What is wrong with this machine as a packing station, and how to mend it: one function a check, none changes a thing.

Every check takes the machine's root folder, so that tests can lay out a machine of their own.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import grp
import os
import shutil
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.fleet.identity import IdentityError
from agent.fleet.renewal import ASKS_AFTER, validity
from agent.fleet.starts import BAD_ENDS, CRASHED, FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from firmware_config.settings import Settings

MIB = 1 << 20
# As in systemd/packbench.service; systemd starts no unit with a group that is not there.
UNIT_GROUPS = ("dialout", "video", "lp", "input", "gpio", "spi")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: a stable code, how it is, what was seen, and the mend when it is not ok."""

    code: str
    level: Literal["ok", "warn", "bad"]
    text: str
    mend: str = ""


def examine(root: Path, settings: Settings | None) -> Iterator[Finding]:
    """Yield the findings for the machine at `root`, in the order in which a technician would mend them."""
    checks: Iterable[Callable[[], Iterable[Finding]]] = (
        partial(power, root), partial(card, root), partial(disk, root, settings), partial(clock, root),
        partial(certificate, root, settings), partial(lives, root, settings),
        partial(groups, root), partial(device_nodes, root, settings), partial(thermometer, root, settings),
        partial(ipp_usb, root), partial(pins, root),
        libraries, distributions, partial(fonts, root),
    )
    for check in checks:
        yield from check()


def power(root: Path) -> Iterator[Finding]:
    """Yield whether the supply held.

    The firmware's bits: 0 under-voltage now, 2 throttled now, 16 and 18 the same since the last boot.
    """
    text = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    monitors = [path for path in root.glob("sys/class/hwmon/*/name") if _text(path) == "rpi_volt"]
    alarms = [_text(path.with_name("in0_lcrit_alarm")) for path in monitors]
    if not text and not alarms:
        return
    bits = int(text or "0", 16)
    mend = "Use the Pi's own supply and a short cable; move cameras and printers to a powered hub."
    if bits & 0x1 or "1" in alarms:
        yield Finding("power.under-voltage", "bad", "the supply is below 4.63 V now.", mend)
    elif bits & 0x10000:
        yield Finding("power.under-voltage", "warn", "the supply was below 4.63 V since the last boot.", mend)
    else:
        yield Finding("power.supply", "ok", "the supply held since the last boot.")
    if bits & 0x4 or bits & 0x40000:
        yield Finding("power.throttled", "warn", "the Pi slowed down to stay cool.", "Fit a heat sink or a fan.")


def card(root: Path) -> Iterator[Finding]:
    """Yield wear of an eMMC (JESD84-B51: life time in tenths, 0x0B is over), and errors that ext4 has counted."""
    for path in sorted(root.glob("sys/block/mmcblk*/device/life_time")):
        used = max((int(word, 16) for word in _text(path).split()), default=0)
        name = path.parts[-3]
        if used >= 0x0A:
            yield Finding("card.worn", "bad", f"{name} has used up its life.", "Back up, then change it.")
        elif used:
            yield Finding("card.wear", "ok", f"{name} has used {(used - 1) * 10} to {used * 10} % of its life.")
    for path in sorted(root.glob("sys/fs/ext4/*/errors_count")):
        errors = int(_text(path) or "0")
        if errors:
            yield Finding("card.errors", "bad", f"the file system on {path.parent.name} has counted {errors} errors.",
                          "Back up now; change the card; a card that errs once errs again.")


def disk(root: Path, settings: Settings | None) -> Iterator[Finding]:
    """Yield room and kind of the file system that holds the database."""
    folder = root / (settings.directory if settings else "/var/lib/packbench").lstrip("/")
    while not folder.exists():
        folder = folder.parent
    free_mib = shutil.disk_usage(folder).free // MIB
    mend = "Delete what does not belong here; photos are kept as long as station.toml says."
    if free_mib < 200:
        yield Finding("disk.full", "bad", f"{folder} has {free_mib} MiB left.", mend)
    elif free_mib < 1024:
        yield Finding("disk.low", "warn", f"{folder} has {free_mib} MiB left.", mend)
    else:
        yield Finding("disk.room", "ok", f"{folder} has {free_mib // 1024} GiB left.")
    kind = _file_system(folder, _text(root / "proc/self/mounts"))
    if kind in {"tmpfs", "overlay", "ramfs"}:
        yield Finding("disk.forgets", "bad", f"{folder} is a {kind}: parcels would be gone after a power cut.",
                      "Mount a partition of the card there.")


def clock(root: Path) -> Iterator[Finding]:
    """Yield whether the kernel's clock is held by a time server (adjtimex(2): state 5, TIME_ERROR, is not)."""
    synchronised = (root / "run/systemd/timesync/synchronized").exists()
    if not synchronised:
        timex = ctypes.create_string_buffer(256)  # struct timex, 208 bytes; modes = 0 only reads
        synchronised = ctypes.CDLL(None).adjtimex(timex) not in {-1, 5}
    if synchronised:
        yield Finding("clock.synchronised", "ok", "the clock follows a time server.")
    else:
        yield Finding("clock.unsynchronised", "warn",
                      "no time server holds the clock; certificates may look not yet valid.",
                      "timedatectl set-ntp true, or name the site's server in /etc/systemd/timesyncd.conf.")


def certificate(root: Path, settings: Settings | None) -> Iterator[Finding]:
    """Yield for how long the station's certificate holds, where this user may read it; the last to end counts."""
    if settings is None or not settings.broker.cert_file:
        return
    ends = []
    for path in (settings.renewed_cert_file, Path(settings.broker.cert_file), Path("/etc/packbench/tls/station.pem")):
        try:
            ends.append(validity((root / str(path).lstrip("/")).read_bytes()))
        except OSError:  # root's alone; the agent says it in cfg/reported
            continue
        except IdentityError:
            yield Finding("certificate.unreadable", "bad", f"{path} is no certificate.",
                          "packbench provision install STATION.pem ca.pem")
    if not ends:
        return
    first, last = max(ends, key=lambda one: one[1])
    now = dt.datetime.now(dt.UTC)
    mend = f"At the admin's desk: packbench provision renew {settings.station.id} --broker ..."
    if now > last:
        yield Finding("certificate.expired", "bad", f"the station's certificate ended on {last:%Y-%m-%d}.",
                      "Look at the clock first. Then invite the station anew: packbench provision invite.")
    elif now > first + ASKS_AFTER * (last - first):
        yield Finding("certificate.ends", "warn", f"the station's certificate ends on {last:%Y-%m-%d}.", mend)
    else:
        yield Finding("certificate.holds", "ok", f"the station's certificate holds until {last:%Y-%m-%d}.")


def lives(root: Path, settings: Settings | None) -> Iterator[Finding]:
    """Yield whether the agent ends by its own fault, and what crashed."""
    folder = root / (settings.directory if settings else "/var/lib/packbench").lstrip("/")
    said = _text(folder / FILE).partition(" ")[0]
    count = int(said) if said.isdigit() else 0
    crash = _text(folder / CRASHED).partition("\n")[0]
    if count:
        level: Literal["bad", "warn"] = "bad" if count >= BAD_ENDS - 1 else "warn"
        yield Finding("agent.ends", level, f"the agent ended by its own fault {count} times in a row. {crash}".rstrip(),
                      f"journalctl -u packbench; {folder / CRASHED}; then systemctl restart packbench.")
    elif crash:
        yield Finding("agent.crashed", "warn", f"the agent has crashed: {crash}",
                      f"Send {folder / CRASHED} to support and delete it.")


def groups(root: Path) -> Iterator[Finding]:
    """Yield whether this user may speak to the agent, and whether the groups of its unit are there."""
    known = {line.partition(":")[0] for line in _text(root / "etc/group").splitlines()}
    if "packbench" not in known:
        yield Finding("user.missing", "warn", "packbench is not installed as a service: it has no group.",
                      "make install, as root, in the checkout.")
        return
    absent = [group for group in UNIT_GROUPS if group not in known]
    if absent:
        yield Finding("user.unit-groups", "bad", f"there is no group {absent[0]}: the unit does not start.",
                      "sudo systemd-sysusers packbench.conf")
    mine = {_group_name(number) for number in os.getgroups()}
    if os.geteuid() != 0 and "packbench" not in mine:
        yield Finding("user.group", "bad", "you are not in the group packbench.",
                      "sudo usermod -aG packbench $USER; log in again.")
    else:
        yield Finding("user.group", "ok", "you may speak to the agent.")


def device_nodes(root: Path, settings: Settings | None) -> Iterator[Finding]:
    """Yield each device file that station.toml names: there or not, and whether this user may open it."""
    if settings is None:
        return
    named = [(section, device) for section in ("scale", "camera", "printer") for device in getattr(settings, section)]
    for section, device in named:
        path = str(getattr(device, "path", ""))
        if not path.startswith("/dev/"):
            continue
        node = root / path.lstrip("/")
        if not node.exists():
            yield Finding(f"{section}.missing", "bad", f"{path} is not there.",
                          "Plug it in; ls /dev/packbench /dev/serial/by-id shows what is.")
        elif not os.access(node, os.R_OK | os.W_OK):
            yield Finding(f"{section}.forbidden", "bad", f"{path} is there, but you may not open it.",
                          "Install firmware_config/boot/99-packbench.rules and plug it in again.")
        else:
            yield Finding(f"{section}.node", "ok", f"{path} is there.")


def thermometer(root: Path, settings: Settings | None) -> Iterator[Finding]:
    """Yield whether the scale's thermometer, where one is named, gives thousandths of a degree."""
    for scale in settings.scale if settings is not None else ():
        if not scale.thermometer:
            continue
        text = _text(root / scale.thermometer.lstrip("/"))
        if text.removeprefix("-").isdigit():
            yield Finding("scale.thermometer", "ok", f"{int(text) / 1000:.1f} degrees beside the scale.")
        else:
            yield Finding("scale.no-thermometer", "warn", f"{scale.thermometer} can't be read.",
                          "Correct [scale] thermometer; ls /sys/class/hwmon/*/temp*_input shows what is there.")


def ipp_usb(root: Path) -> Iterator[Finding]:
    """Yield the programs that take a USB printer away from the agent."""
    if any((root / path).exists() for path in ("usr/sbin/ipp-usb", "usr/bin/ipp-usb")):
        yield Finding("printer.ipp-usb", "warn", "ipp-usb is installed; it takes USB printers away.",
                      "sudo systemctl mask --now ipp-usb; plug the printer in again.")
    if (root / "run/cups/cups.sock").exists():
        yield Finding("printer.cups", "warn", "CUPS runs; a queue for the label printer keeps its port busy.",
                      "Delete that queue (lpadmin -x NAME), or stop CUPS.")


def pins(root: Path) -> Iterator[Finding]:
    """Yield whether the library for GPIO lines is the right one; nothing where the machine is no Pi."""
    if "Raspberry Pi" not in _text(root / "proc/device-tree/model"):
        return
    version = _version("lgpio") or ("Debian's" if any(root.glob("usr/lib/python3/dist-packages/_lgpio*.so")) else "")
    if not version or version.startswith("0.0"):  # 0.0.0.2 is what an index gives when it has no wheel: an empty module
        yield Finding("pins.lgpio", "bad", f"lgpio is {version or 'missing'}: lamps, buzzer and button are dead.",
                      "sudo apt-get install python3-lgpio; then make setup.")
    elif _version("RPi.GPIO"):
        yield Finding("pins.rpi-gpio", "warn", "RPi.GPIO is installed; it does not work on a Pi 5.",
                      "pip uninstall RPi.GPIO")
    else:
        yield Finding("pins.lgpio", "ok", f"lgpio is {version}.")


def libraries() -> Iterator[Finding]:
    """Yield Debian's libraries that the wheels expect and do not bring."""
    for package, file, loss in (("libzbar0", "libzbar.so.0", "the second barcode reader is off"),
                                ("libfribidi0", "libfribidi.so.0", "Arabic and Hebrew papers are refused")):
        try:
            ctypes.CDLL(file)
        except OSError:
            yield Finding(f"library.{package}", "warn", f"{file} is missing: {loss}.",
                          f"sudo apt-get install {package}")
        else:
            yield Finding(f"library.{package}", "ok", f"{file} is there.")


def distributions() -> Iterator[Finding]:
    """Yield Python packages that overwrite each other's files."""
    providers = metadata.packages_distributions()
    for module in ("cv2", "agent", "brother_ql"):
        found = sorted({name.lower().replace("_", "-") for name in providers.get(module, [])})
        if len(found) > 1:
            yield Finding(f"package.{module}", "bad", f"{' and '.join(found)} overwrote each other's {module}.",
                          "rm -r .venv; make setup, which brings the right one alone.")
        elif found:
            yield Finding(f"package.{module}", "ok", f"{module} comes from {found[0]}.")


def fonts(root: Path) -> Iterator[Finding]:
    """Yield whether the papers' fonts are there."""
    for package, pattern in (("fonts-noto-core", "NotoSans-Regular.*"), ("fonts-noto-cjk", "NotoSansCJK-*")):
        if not any((root / "usr/share/fonts").rglob(pattern)):
            yield Finding(f"fonts.{package}", "bad", f"{package} is missing: papers in some scripts are refused.",
                          f"sudo apt-get install {package}")
        else:
            yield Finding(f"fonts.{package}", "ok", f"{package} is there.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _file_system(folder: Path, mounts: str) -> str:
    """Return the type of the mount that holds `folder`; `mounts` is /proc/self/mounts (device, point, type, ...)."""
    rows = [line.split() for line in mounts.splitlines()]
    holding = [(row[1], row[2]) for row in rows if len(row) > 2 and folder.is_relative_to(row[1])]
    return max(holding, key=lambda row: len(row[0]), default=("", ""))[1]


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
