"""One seed's story from its first job to the audit."""

from __future__ import annotations

import sqlite3
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agent.store import migrations
from tests.simulation.disk import Disk, FileDisk
from tests.simulation.node import Node, Shell
from tests.simulation.oms import ENDS, Oms, topic_for
from tests.simulation.world import ViolationError, World

if TYPE_CHECKING:
    from collections.abc import Callable

JOBS = 4
STATIONS = ("st-1", "st-2")


def tell(
    seed: int, template: bytes, *, shell: Callable[[], Shell] = Shell, oms_kind: type[Oms] = Oms,
    on_files: bool = False,
) -> World:
    """Run one seed. Raises ViolationError with the seed when a promise was broken."""
    world = World(seed)
    try:
        if on_files:
            with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
                _run(world, template, shell, oms_kind, Path(folder))
        else:
            _run(world, template, shell, oms_kind, None)
    except ViolationError as broken:
        raise ViolationError(f"seed {seed}: {broken}\n" + "\n".join(world.trace[-12:])) from broken
    return world


def empty_template() -> bytes:
    """Return the bytes of a migrated database without a life."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        migrations.migrate(str(path))
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=DELETE")  # a log beside it could not come along
        content = connection.serialize()
        connection.close()
    return content


def _memory_folder() -> str | None:
    """Power cuts are simulated; the real disk need not wait for each sync."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (not a file name)


def _run(world: World, template: bytes, shell: Callable[[], Shell], oms_kind: type[Oms], folder: Path | None) -> None:
    nodes: dict[str, Node] = {}
    disks: list[Disk] = []
    for name in STATIONS:
        if folder is None:
            disks.append(Disk(template))
        else:
            (folder / name).mkdir()
            disks.append(FileDisk(template, folder / name, world.chance))
        nodes[name] = Node(world, name, disks[-1], shell())

    def send(station: str, leaf: str, body: dict[str, Any]) -> None:
        payload = msgspec.json.encode(body)
        slow = world.bad(world.rates.overtake)  # no order between topics, and on some engines none within one
        world.later(1, 8_000 if slow else 50, lambda: nodes[station].session.publish(topic_for(station, leaf), payload))

    oms = oms_kind(world, send)
    for number in range(JOBS):
        name = f"J-{number}"
        if number % 2:
            world.later(0, 20_000, partial(oms.assign, name, world.chance.choice(STATIONS)))
        else:
            world.later(0, 20_000, partial(oms.offer, name, list(STATIONS)))
    for node in nodes.values():
        node.oms = oms
    try:
        world.run(lambda: len(oms.jobs) == JOBS and oms.all_ended() and all(node.at_rest() for node in nodes.values()))
        audit(oms, list(nodes.values()))
    finally:
        for node, disk in zip(nodes.values(), disks, strict=True):
            node.alive = False
            disk.close()


def audit(oms: Oms, nodes: list[Node]) -> None:
    """Ask, after the calm, what must be true. Raises ViolationError."""
    for name in oms.jobs:
        if oms.state.get(name) not in ENDS:
            raise ViolationError(f"{name} never ended: {oms.state.get(name)}")
        if len(oms.packed_by.get(name, ())) > 1:
            raise ViolationError(f"{name} was packed by {sorted(oms.packed_by[name])}")
    for name in oms.cancelled:
        if oms.state[name] == "packed" and name in oms.cancel_kept:
            raise ViolationError(f"{name} was packed after its cancel was taken")
    packed = [name for name in oms.jobs if oms.packed_by.get(name)]
    split = [name for name in oms.cancelled if oms.state[name] == "cancelled"]  # what left before the cancel left
    expected = sum(oms.jobs[name]["items"][0]["qty"] for name in packed) + sum(map(oms.packed_pieces, split))
    if oms.stock() != expected:
        raise ViolationError(f"{oms.stock()} pieces were booked for {packed}, not {expected}")
    for name in packed:
        if oms.packed_pieces(name) != oms.jobs[name]["items"][0]["qty"]:
            raise ViolationError(f"{name} is packed, and its parcels hold {oms.packed_pieces(name)} pieces")
    for node in nodes:
        if node.owes():
            raise ViolationError(f"{node.name} still owes {node.owes()} facts after the calm")
        if len(set(node.printer.out)) < len(node.printer.out):
            raise ViolationError(f"{node.name} printed a page twice")
        if len(node.printer.out) > node.labels_needed() + node.asked_again:
            raise ViolationError(f"{node.name} printed {len(node.printer.out)} labels, nobody asked for so many")
