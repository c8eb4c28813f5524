"""What the agent costs: `python -m tests.campaigns.footprint`. Start-up, idle CPU, memory, how soon a label
starts and the agent stops.

The figures are for the machine it runs on; a Pi 4 core is about five times slower than a current x86 core.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agent.demo.packer import Size
from agent.demo.shift import MUG, Demo

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    """Return the memory that a process holds, in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_MB


def peak_mb(pid: int) -> float:
    """Return the most memory that a process ever held, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def command_cpu_s(*words: str) -> float:
    """Return the CPU seconds of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-I", "-m", "agent", *words], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def station(root: Path, *, camera: bool, idle_s: float) -> dict[str, float]:
    """Start a station at life speed, pack a box where it has a camera, and measure it."""
    demo = Demo(root, 1.0, lambda line: None)
    root.mkdir()
    try:
        demo.start(without=() if camera else ("camera",))
        pid = demo.agent.pid
        found = {"ready_cpu_s": cpu_s(pid)}
        if camera:
            found["label_s"] = _label_s(demo)
        began_s, used_s = time.monotonic(), cpu_s(pid)
        time.sleep(idle_s)
        found["idle_cpu_percent"] = 100 * (cpu_s(pid) - used_s) / (time.monotonic() - began_s)
        found["rss_mb"], found["peak_mb"] = rss_mb(pid), peak_mb(pid)
        began_s = time.monotonic()
        demo.agent.send_signal(signal.SIGTERM)
        demo.agent.wait(30)
        found["stop_s"] = time.monotonic() - began_s
        return found
    finally:
        demo.close()


def _label_s(demo: Demo) -> float:
    """Pack one box; return the seconds from its stable weight to the label's first row at the printer."""
    size = Size(1_120, 260, 190, 80)
    job = demo.order(1, size, [MUG])
    packer = demo.packer
    packer.pack(job, size, job)
    packer.wait_sentence("Reading the box", "The label is printing", "Show")
    stable_s = time.monotonic()
    packer.wait_sentence("The label is printing", "Stick")
    started_s = time.monotonic()
    packer.stick(packer.paper(demo.label_code(job)), size)
    packer.finish()
    return started_s - stable_s


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        seen = station(Path(folder) / "camera", camera=True, idle_s=10)
        blind = station(Path(folder) / "blind", camera=False, idle_s=10)
    rows = [
        ("packbench --help, CPU", f"{command_cpu_s('--help'):.2f} s", "0.3 s"),
        ("agent ready, CPU", f"{seen['ready_cpu_s']:.2f} s", "2 s"),
        ("label started after stable weight", f"{seen['label_s']:.2f} s", "1 s"),
        ("idle at 80 samples/s, of one core", f"{seen['idle_cpu_percent']:.1f} %", "5 %"),
        ("idle memory after a box, with camera", f"{seen['rss_mb']:.0f} MB", "120 MB"),
        ("idle memory without a camera", f"{blind['rss_mb']:.0f} MB", "60 MB"),
        ("stopped after SIGTERM, with camera", f"{seen['stop_s']:.2f} s", "2 s"),
        ("most memory ever", f"{seen['peak_mb']:.0f} MB", "220 MB"),
    ]
    for what, value, most in rows:
        print(f"{what:40} {value:>10}   at most {most}")
    print(json.dumps({"with_camera": seen, "without": blind}))


if __name__ == "__main__":
    main()
