"""Secrets are planted in a whole station, and then looked for in everything that it says."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from agent.__main__ import packbench
from agent.local import Station
from agent.messages.examples import INBOUND
from tests.fleet.broker import PATIENCE_S, Client, Fleet
from tests.reference import commands

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "correct-horse-battery-staple"
CUSTOMER = "Zanzibar Quillfeather"


@dataclass
class Said:
    """All that a station said, by where: its log, the wire, its own socket, its bundle, and what `ps` shows."""

    root: Path
    secrets: dict[str, bytes]
    places: dict[str, bytes] = field(default_factory=dict)


def everything(fleet: Fleet, root: Path, said: Said) -> None:
    """Let a whole station work, fail and be asked, and keep what it says."""
    oms, admin = Client(fleet, "oms").connect(), Client(fleet, "admin").connect()
    admin.listen("pack/v1/st/st-1/#")
    with (root / "agent.log").open("ab") as log:
        agent = subprocess.Popen([sys.executable, "-m", "agent", "run", "-v", "--config", str(root / "station.toml")],
                                 stderr=log, cwd=Path(__file__).parents[2])
    heard = [admin.heard.get(timeout=PATIENCE_S)]
    try:
        job = {**INBOUND["job/assign"], "station": "st-1", "expires": "2099-01-01T00:00:00Z",
               "ship_to": {"name": CUSTOMER, "city": "Amsterdam", "country": "NL", "lines": [f"{CUSTOMER} Street 1"]}}
        for body in (job, {**job, "rev": 1, "items": 7}, {**job, "job": CUSTOMER}):
            oms.say("pack/v1/st/st-1/job/assign", json.dumps(body).encode())
        admin.say("pack/v1/cfg/fleet", json.dumps({"kid": "x", "p": PASSWORD, "sig": CUSTOMER}).encode())
        for number, name in enumerate(("status", "bundle", "reprint")):
            asked = {"cid": f"c-{number}", "exp": int(time.time()) + 60, "parcel": "J-1/1"}
            del asked["parcel" if name != "reprint" else "exp"]
            admin.say(f"pack/v1/st/st-1/cmd/{name}/req", json.dumps(asked).encode())
        while heard[-1][0] != "pack/v1/st/st-1/cmd/reprint/rsp":
            heard.append(admin.heard.get(timeout=PATIENCE_S))
        station = Station(root / "packbench.sock")
        said.places["socket"] = json.dumps([station.ask(ask) for ask in ("status", "view", "config")]).encode()
        station.close()
        bundled = CliRunner().invoke(packbench, ["bundle", str(root / "b.zip"), "--config", str(root / "station.toml"),
                                                 "--socket", str(root / "packbench.sock")])
        assert bundled.exit_code == 0, bundled.output
        for name in ("cmdline", "environ"):
            said.places[f"ps {name}"] = Path(f"/proc/{agent.pid}/{name}").read_bytes()
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(PATIENCE_S)
        oms.close()
        admin.close()
    said.places["wire"] = b"\n".join(topic.encode() + b" " + payload for topic, payload in heard)
    said.places["log"] = (root / "agent.log").read_bytes()
    for path in (root / "b.zip", *(root / "station" / "bundles").glob("*.zip")):
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            said.places[path.name] = b"\n".join(archive.read(name) for name in archive.namelist())


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Said]:
    fleet = Fleet(tmp_path_factory.mktemp("secrets"))
    root = fleet.folder
    fleet.command("authority", "--folder", str(root / "ca"))
    token = fleet.command("invite", "st-1", "--folder", str(root / "ca")).split("\n")[0]
    fleet.certify("broker", "--address", "127.0.0.1")
    fleet.certify("st-1")
    for name in ("admin", "oms"):
        fleet.certify(name, "--service")
    (root / "password").write_text(PASSWORD + "\n")
    fleet.start()
    fleet.station_toml(f'username = "st-1"\npassword_file = "{root}/password"\n')
    key = (root / "st-1" / "station.key").read_bytes().split(b"\n")[1]
    said = Said(root, {"password": PASSWORD.encode(), "key": key, "customer": CUSTOMER.encode(),
                       "token": token.encode()})
    try:
        everything(fleet, root, said)
        yield said
    finally:
        fleet.stop()


@pytest.mark.parametrize("secret", ["password", "key", "customer", "token"])
def test_a_planted_secret_is_nowhere_in_what_a_station_says(said: Said, secret: str) -> None:
    assert len(said.places) == 7
    assert all(said.places.values())
    assert [place for place, words in said.places.items() if said.secrets[secret] in words] == []


def test_the_key_is_in_no_file_of_the_station_and_the_customer_only_in_its_database(said: Said) -> None:
    files = [path for path in (said.root / "station").rglob("*") if path.is_file()]
    for secret, most in (("key", set()), ("password", {"packbench.db", "packbench.db-wal"}),
                         ("customer", {"packbench.db", "packbench.db-wal"})):
        found = {path.name for path in files if said.secrets[secret] in path.read_bytes()}
        assert found <= most, secret
        assert found or secret != "customer", "the job is not even in the database: nothing was planted"


def test_no_command_takes_a_secret_on_its_command_line() -> None:
    """Whoever runs `ps` reads what stands there; a secret is asked for, or lies in a file."""
    odd = []
    for name, context in commands(packbench, "packbench"):
        for one in context.command.params:
            words = {one.name or "", *one.opts}
            if any(secret in word for word in words for secret in ("token", "password", "secret", "key")):
                harmless = isinstance(one.type, click.Path) or getattr(one, "is_flag", False)
                if not harmless and (name, one.name) not in NO_SECRETS:
                    odd.append((name, one.name))
    assert odd == []


# The id of a signing key, and the name of a setting.
NO_SECRETS = {("packbench config keygen", "key_id"), ("packbench config explain", "key")}
