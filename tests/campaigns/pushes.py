"""Bad layers, pushed in mid-job: `python -m tests.campaigns.pushes [--speed X]`.

Over forty are no good at once, ten break a device, one is on trial while the broker is away. A whole station on the
simulated bench with a real Mosquitto. Every layer must be refused or rolled back by itself with a reason for each key,
the job that was under way must finish, and the station must answer afterwards.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from agent.demo.audit import audit
from agent.demo.packer import Size
from agent.demo.shift import MUG, Demo
from agent.messages import topics
from tests.fleet.admin import SCOPES, Admin

SMALL = Size(1_120, 260, 190, 80)
SITE = SCOPES[1]
BREAKING: dict[str, dict[str, Any]] = {
    "printer at a dead port": {"printer": {"driver": "tcp", "host": "127.0.0.1", "port": 9}},
    "printer of no name": {"printer": {"driver": "tcp", "host": "printer.invalid"}},
    "printer on USB that is not there": {"printer": {"driver": "usb", "path": "/dev/usb/lp9"}},
    "camera that is not there": {"camera": {"driver": "v4l2", "path": "/dev/packbench-none"}},
    "camera that is no camera": {"camera": {"driver": "v4l2", "path": "/dev/null"}},
    "Pi camera without a Pi": {"camera": {"driver": "rpicam"}},
    "scanner that is not there": {"scanner": {"driver": "serial", "path": "/dev/packbench-none"}},
    "scanner that is no port": {"scanner": {"driver": "serial", "path": "/dev/null"}},
    "keyboard that is not there": {"scanner": {"driver": "keyboard", "path": "/dev/packbench-none"}},
    "GPIO without GPIO": {"signals": {"driver": "gpio"}},
}


def bad_layers() -> dict[str, bytes]:
    """Return the bad layers of the tests by kind; whether one has expired is for the machine's clock to say."""
    from tests.fleet import test_layers as kinds

    made = {kind: wrapper for kind, (wrapper, _, _) in kinds.BAD_WRAPPERS.items() if kind != "huge"}
    made |= {kind: kinds.wrapped(content) for kind, (content, _, _) in kinds.BAD_BODIES.items() if kind != "expired"}
    return made | {kind: kinds.wrapped(kinds.body(stable)) for kind, (stable, _, _) in kinds.BAD_SETTINGS.items()}


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, default=8.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder) / "shift", asked.speed, lambda line: None, broker_kind="mosquitto")
        demo.root.mkdir()
        admin = Admin(demo)
        admin.trust()
        from tests.fleet.test_layers import PUBLIC

        (demo.root / "config-keys" / "cfg-1.pub").write_bytes(PUBLIC)
        try:
            demo.start()
            admin.sit_down()
            sys.exit(0 if push_all(admin) else 1)
        finally:
            demo.close()


def push_all(admin: Admin) -> bool:
    """Push everything while a box is packed; then the others, one job each; return whether all ended well."""
    from tests.fleet.test_layers import KEY

    admin.key = KEY
    demo, packer = admin.demo, admin.demo.packer
    began_s = time.monotonic()
    job = demo.order(1, SMALL, [MUG])
    packer.pack(job, SMALL, job)
    label = packer.paper(demo.label_code(job))
    admin.heard_on("cfg/reported")  # what it said before the first
    refused = 0
    for kind, wrapper in bad_layers().items():
        admin.desk.say(topics.config(SITE), wrapper, retain=True)
        report = admin.heard_on("cfg/reported")
        faults = report["refused"].get(SITE, {}).get("faults", [])
        refused += bool(faults)
        print(f"{kind:40s} {', '.join(sorted({one['code'] for one in faults})) or 'NOT REFUSED'}")
    packer.stick(label, SMALL)
    packer.finish()
    rolled_back = 0
    admin.revs[SITE] = 100
    for number, (kind, stable) in enumerate(BREAKING.items(), start=2):
        job = demo.order(number, SMALL, [MUG])
        packer.pack(job, SMALL, job)
        label = packer.paper(demo.label_code(job))
        rev = admin.push(SITE, stable)
        admin.until("held", SITE, rev)
        packer.stick(label, SMALL)
        packer.finish()
        failed = admin.until("failed", SITE, rev)
        rolled_back += 1
        print(f"{kind:40s} {', '.join(one['key'] + ' ' + one['code'] for one in failed['errors'])}")
        admin.until("applied", SITE, admin.push(SITE, {}))
    number = len(BREAKING) + 2
    print(f"{'no link for a minute of the trial':40s} {without_link(admin, number)}")
    demo.settle()
    found = audit(demo)
    print(f"{refused} refused, {rolled_back} rolled back, {found.packed} jobs packed, lost {found.lost}, doubled"
          f" {found.doubled}, wrong {found.wrong}; {time.monotonic() - began_s:.0f} s")
    return refused == len(bad_layers()) and rolled_back == len(BREAKING) and found.passed and found.packed == number


def without_link(admin: Admin, number: int) -> str:
    """Kill the broker when a harmless push is to be tried; return why it was rolled back."""
    demo, packer = admin.demo, admin.demo.packer
    job = demo.order(number, SMALL, [MUG])
    packer.pack(job, SMALL, job)
    label = packer.paper(demo.label_code(job))
    rev = admin.push(SITE, {"signals": {"long_press_s": 2.5}})
    admin.until("held", SITE, rev)
    demo.broker.kill()
    packer.stick(label, SMALL)
    packer.finish()
    packer.wait("the trial to end", lambda: admin.explained()["reported"]["state"] == "failed")
    demo.broker.start()
    return ", ".join(f"{one['key']} {one['code']}" for one in admin.explained()["reported"]["errors"])


if __name__ == "__main__":
    main()
