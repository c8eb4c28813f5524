"""What tests share: a real Mosquitto on a free port, and stores that don't pay for migrations each time."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from agent.demo.broker import BrokerError, DemoBroker, make_broker
from agent.store import Store, migrations
from agent.store.opening import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBroker]:
    """A real broker for the session; tests keep apart by the ids of their stations."""
    broker = start_mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield broker
    broker.stop()


@pytest.fixture
def own_mosquitto(tmp_path: Path) -> Iterator[DemoBroker]:
    """A real broker that a test may kill."""
    broker = start_mosquitto(tmp_path)
    yield broker
    broker.stop()


def start_mosquitto(directory: Path) -> DemoBroker:
    """Return a running Mosquitto; a port that somebody took in the meantime is tried anew."""
    try:
        broker = make_broker(directory, "mosquitto")
    except BrokerError as error:
        pytest.skip(str(error))
    for attempt in range(3):
        try:
            broker.start()
        except BrokerError:
            if attempt == 2:
                raise
            broker = make_broker(directory, "mosquitto")
        else:
            break
    return broker


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without a life: copies of it are new stores."""
    path = tmp_path_factory.mktemp("template") / FILE
    migrations.migrate(str(path))
    return path


@pytest.fixture
def open_store(empty_database: Path, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Open the store of this test (or another `name`); opening it again is another life. Closed at the end."""
    opened: list[Store] = []

    def open_one(name: str = "state", *, station: str = "st-1") -> Store:
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        if not (directory / FILE).exists():
            shutil.copy(empty_database, directory / FILE)
        for store in opened:
            if store.path.parent == directory:
                store.close()
        opened.append(Store(directory, station=station))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()
