"""The bench of the printing campaign: a printer's mechanism without sockets, in time that only waiting spends.

It does one fault at a drawn class of byte boundary, packet or moment, and has the hands that mend it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from agent.bench.ql import QlEngine
from agent.devices import DeviceError, ql_status, raster
from agent.devices.ql_media import model_named
from agent.devices.ql_printer import QlPrinter
from agent.devices.ql_wire import CLOSED, Wake, WireLost

LONG_ROLL_MM = 30_480.0  # DK-22205
PLACES = ("nothing", "preamble", "header", "first-row", "in-row", "row-edge", "last-row", "before-print", "all")
"""Classes of byte boundary: how much of the job the wire has taken when the fault strikes."""
HANDS = ("power", "unplug", "cover", "runout", "mute", "swallow", "cool", "jam", "lose a byte", "close", "stall")
PACKETS = ("split", "joined", "late", "lost", "old", "text", "cut")
MOMENTS_S = (0.0, 0.05, 0.2, 0.5, 1.0)
@dataclass
class Fault:
    """What goes wrong with one page: at which class of place, and how."""

    kind: str = "none"
    place: str = "all"
    after_s: float = 0.0
    statement: int = 0
    chance: Random = field(default_factory=Random)

    @property
    def name(self) -> str:
        return f"{self.kind} at {self.place}" if self.kind in HANDS else self.kind


class VirtualClock:
    """Seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class VirtualWire:
    """The printer's mechanism without a socket; does the fault when its moment has come."""

    def __init__(self, bench: Bench, wake: Wake, *, spoken: bool) -> None:
        self.spoken = spoken
        self._bench, self._wake = bench, wake
        self._framer = ql_status.Framer()
        self._waiting = bytearray()
        self._job_taken = 0
        self._polled_s = -1.0
        self._late_s = 0.0
        if bench.fault.kind == "old" and spoken:
            self._waiting += bench.old_packets() * 5

    def write(self, piece: bytes) -> int:
        bench = self._bench
        self._check()
        if bench.stalled:
            return 0
        limit = min(len(piece), bench.chance.choice((1, 20, 64, 4096, 8192)))
        if not piece.endswith(ql_status.REQUEST):  # else a question
            to_go = bench.strike_at - self._job_taken
            if bench.armed and 0 <= to_go <= limit:
                limit = to_go
                bench.due_s = bench.clock() + bench.fault.after_s
            self._job_taken += limit
            bench.sent = max(bench.sent, self._job_taken)
        taken = piece[:limit]
        if bench.loses and limit:
            bench.loses = False
            taken = taken[1:]
        bench.engine.take(taken)
        bench.strike_if_due()
        return limit

    def heard(self) -> list[ql_status.Status]:
        self._check()
        engine = self._bench.engine
        engine.advance()
        if not self.spoken:
            if self._bench.clock() - self._polled_s < 0.1 or engine.mute or engine.swallow:
                return []
            self._polled_s = self._bench.clock()
            return [ql_status.decode(engine.status())]
        self._waiting += self._disturbed(engine.replies())
        if self._bench.clock() < self._late_s:
            return []
        split = self._bench.fault.kind == "split"
        size = self._bench.chance.randrange(1, 40) if split else len(self._waiting)
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        return self._framer.feed(piece)

    def _disturbed(self, said: bytes) -> bytes:
        """What the wire makes of these packets, once for each page with such a fault."""
        bench = self._bench
        if not said or not bench.armed or not self._job_taken:
            return said
        match bench.fault.kind:
            case "joined" | "late":
                self._late_s = bench.clock() + bench.chance.choice((0.3, 1.0, 2.5))
            case "lost":
                bench.armed = False
                return said[ql_status.LENGTH :]
            case "text":
                return b"status ok\r\n" + said
            case "cut":
                bench.armed = False
                return said[: bench.chance.randrange(1, 32)] + said[ql_status.LENGTH :]
            case _:
                pass
        return said

    def wait(self, timeout_s: float, *, writing: bool) -> None:
        bench = self._bench
        idle = not (writing and not bench.stalled) and not self._waiting
        bench.clock.now_s += timeout_s if idle else 0.002
        bench.strike_if_due()
        if self._wake.rung:
            raise WireLost(*CLOSED)

    def now_s(self) -> float:
        return self._bench.clock()

    def close(self) -> None:
        if self._bench.connected and self._bench.hears_hang_up:
            self._bench.engine.hang_up()

    def _check(self) -> None:
        self._bench.clock.now_s += 0.0005
        if not self._bench.connected:
            raise WireLost("printer.unplugged", "The cable was pulled.")


class Bench:
    """One simulated printer, the hands beside it, and the journal of what came out."""

    def __init__(self, model: str, chance: Random, *, spoken: bool) -> None:
        self.chance, self.spoken, self.model = chance, spoken, model
        self.clock = VirtualClock()
        self.journal: list[dict[str, Any]] = []
        self.engine = QlEngine(
            model, "62", LONG_ROLL_MM, out_dir=None, journal=self.journal.append, clock=self.clock
        )
        self.engine.prints_early = chance.random() < 0.5
        self.hears_hang_up = chance.random() < 0.5  # TCP does; on USB half a page waits for its other half
        self.connected, self.armed, self.stalled, self.loses = True, False, False, False
        self.fault = Fault()
        self.strike_at, self.sent = 1 << 30, 0
        self.due_s: float | None = None
        self.printer = self.started()

    def started(self) -> QlPrinter:
        """The station's driver, as after a start."""
        return QlPrinter(self.model, self._connect, clock=self.clock)

    def _connect(self, wake: Wake) -> VirtualWire:
        if not self.connected:
            raise DeviceError("printer.unplugged", "it is not there.", "Plug it in.")
        return VirtualWire(self, wake, spoken=self.spoken)

    def arm(self, fault: Fault, job: bytes) -> None:
        """Let this happen during the next page."""
        self.fault, self.armed, self.sent, self.due_s = fault, True, 0, None
        self.strike_at = place_in(job, fault.place, fault.chance) if fault.kind in HANDS else 1 << 30

    def strike_if_due(self) -> None:
        if self.armed and self.due_s is not None and self.clock() >= self.due_s:
            self.armed, self.due_s = False, None
            self._strike()

    def _strike(self) -> None:
        engine = self.engine
        engine.advance()
        match self.fault.kind:
            case "power":
                engine.power_off()
                self.connected = False
            case "unplug":
                engine.hang_up()
                self.connected = False
            case "cover":
                engine.open_cover()
            case "runout":
                engine.roll_mm = min(engine.roll_mm, self.chance.uniform(0.0, 30.0))
            case "mute":
                engine.mute = True
            case "swallow":
                engine.swallow = True
            case "cool":
                engine.cool(self.chance.uniform(1, 60))
            case "jam":
                engine.jam()
            case "lose a byte":
                self.loses = True
            case "close":
                self.printer.close()
            case _:  # stall
                self.stalled = True

    def mend(self) -> None:
        """What a person does: looks, closes, refills, switches on. Then a little time passes."""
        engine = self.engine
        self.clock.now_s += self.chance.uniform(0.5, 20)
        engine.advance()
        self.armed = self.stalled = self.loses = engine.mute = engine.swallow = False
        engine.press_button()
        engine.close_cover()
        if engine.roll_mm <= 0:
            engine.load_roll(LONG_ROLL_MM)
        if not engine.power:
            engine.power_on()
        self.connected = True

    def settle(self) -> None:
        """Wait until the printer has brought out what it still had."""
        for _ in range(4):
            self.clock.now_s += 5
            self.engine.advance()
        self.engine.replies()

    def old_packets(self) -> bytes:
        known = model_named(self.model)
        one = {"series": known.series_code, "model_code": known.model_code, "media": (0x0A, 62, 0)}
        return b"".join(
            ql_status.encode(kind=kind, phase=phase, **one)
            for kind, phase in ((ql_status.COMPLETED, 1), (ql_status.PHASE_CHANGE, 0))
        )

    def came_out(self, digest: str) -> int:
        """How often this page came out whole."""
        return sum(line["kind"] == "printed" and line["pixels_sha256"] == digest for line in self.journal)


def place_in(job: bytes, place: str, chance: Random) -> int:
    """The number of bytes of this job that are taken when the fault strikes."""
    _, first = raster.header(job)
    row = 3 + job[first + 2]
    rows = (len(job) - 1 - first) // row
    return {
        "nothing": 0,
        "preamble": chance.randrange(1, 200),
        "header": first - chance.randrange(1, 12),
        "first-row": first,
        "in-row": first + chance.randrange(rows) * row + chance.randrange(1, row),
        "row-edge": first + chance.randrange(1, rows) * row,
        "last-row": len(job) - 1 - chance.randrange(1, row),
        "before-print": len(job) - 1,
        "all": len(job),
    }[place]
