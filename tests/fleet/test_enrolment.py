"""A station comes to its certificate, renews it and loses it, by the shipped commands and a real Mosquitto."""

from __future__ import annotations

import datetime as dt
import json
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from agent.cli.provision import group
from agent.clock import Clock
from agent.deeds import Deeds
from agent.fleet import identity
from agent.fleet.commands import Certificate, payload_of
from agent.fleet.renewal import Renewal, validity
from agent.link import Link, access_of
from agent.messages import Presence
from firmware_config.settings import parse
from tests.fleet.broker import PATIENCE_S, Client, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firmware_config.settings import Settings

NOW = dt.datetime.now(dt.UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("enrolment"))
    fleet.command("authority", "--folder", str(fleet.folder / "ca"))
    fleet.certify("broker", "--address", "127.0.0.1")
    fleet.certify("admin", "--service")
    fleet.start()
    try:
        yield fleet
    finally:
        fleet.stop()


def enrol(fleet: Fleet, name: str) -> str:
    """Bring one station in by the commands; return what the Pi said of its key."""
    ca, tls = str(fleet.folder / "ca"), fleet.folder / name
    token = fleet.command("invite", name, "--folder", ca).split("\n")[0]
    said = fleet.command("request", name, "--tls", str(tls), says=token + "\n")
    received = fleet.command("receive", str(tls / "station.csr"), "--folder", ca)
    key = said.split("the key is ")[1].split("\n")[0]
    assert key in received
    assert key in fleet.command("waiting", "--folder", ca)
    fleet.command("accept", name, "--folder", ca)
    fleet.command("install", f"{ca}/issued/{name}.pem", f"{ca}/ca.pem", "--tls", str(tls))
    return key


def settings_of(fleet: Fleet, name: str, certificate: Path) -> Settings:
    directory = fleet.folder / f"{name}-station"
    directory.mkdir(exist_ok=True)
    return parse({
        "directory": str(directory), "socket": str(directory / "socket"), "station": {"id": name, "site": "ams1"},
        "broker": {"url": f"mqtts://127.0.0.1:{fleet.port}", "ca_file": str(fleet.folder / "ca" / "ca.pem"),
                   "cert_file": str(certificate), "key_file": str(fleet.folder / name / "station.key")},
    }, "test")


def test_invited_requested_accepted_and_let_in(fleet: Fleet) -> None:
    key = enrol(fleet, "st-1")
    assert key in fleet.command("show", "--tls", str(fleet.folder / "st-1"))
    assert fleet.command("waiting", "--folder", str(fleet.folder / "ca")) == ""
    Client(fleet, "st-1").connect().close()


def refused(*words: str) -> str:
    """Return the code with which a command ended."""
    ended = CliRunner().invoke(group, [*words])
    assert ended.exit_code in (1, 2, 3), ended.output
    return ended.output.rstrip().rpartition("(")[2].rstrip(")")


def test_a_request_without_its_token_is_never_pending(fleet: Fleet) -> None:
    ca, tls = str(fleet.folder / "ca"), fleet.folder / "st-2"
    fleet.command("request", "st-2", "--no-token", "--tls", str(tls))
    csr = str(tls / "station.csr")
    assert refused("receive", csr, "--folder", ca) == "identity.no-proof"
    fleet.command("request", "st-2", "--tls", str(tls), says="0000-0000\n")
    assert refused("receive", csr, "--folder", ca) == "identity.not-invited"
    token = fleet.command("invite", "st-2", "--folder", ca).split("\n")[0]
    assert refused("receive", csr, "--folder", ca) == "identity.token"
    assert refused("accept", "st-2", "--folder", ca) == "identity.not-pending"
    fleet.command("request", "st-2", "--tls", str(tls), says=token + "\n")
    fleet.command("receive", csr, "--folder", ca)
    assert refused("receive", csr, "--folder", ca) == "identity.not-invited"  # the token is spent
    fleet.command("refuse", "st-2", "--folder", ca)
    assert refused("accept", "st-2", "--folder", ca) == "identity.not-pending"


def test_a_certificate_of_another_key_or_authority_is_not_installed(fleet: Fleet, tmp_path: Path) -> None:
    ca, tls = fleet.folder / "ca", fleet.folder / "st-1"
    other = fleet.folder / "admin" / "station.pem"
    assert refused("install", str(other), str(ca / "ca.pem"), "--tls", str(tls)) == "identity.other-key"
    (tmp_path / "ca.pem").write_bytes(identity.authority(NOW)[1])
    words = ("install", str(tls / "station.pem"), str(tmp_path / "ca.pem"), "--tls", str(tls))
    assert refused(*words) == "identity.other-authority"


def short(fleet: Fleet, name: str, began_days: int) -> Path:
    """Return a certificate of 397 days for a station's key that began so long ago."""
    ca, tls = fleet.folder / "ca", fleet.folder / name
    asked = identity.request_again(name, (tls / "station.key").read_bytes())
    path = tls / f"{began_days}.pem"
    path.write_bytes(identity.issue(asked, (ca / "ca.key").read_bytes(), (ca / "ca.pem").read_bytes(),
                                    NOW - dt.timedelta(days=began_days), name=name))
    return path


def asks(renewal: Renewal) -> str:
    """Return the request that a station makes now."""
    said = renewal.said(0, NOW_MS)
    assert said is not None
    return said.asks


def test_the_validity_is_read_as_a_library_reads_it(fleet: Fleet) -> None:
    from cryptography import x509

    for pem in ((fleet.folder / "ca" / "ca.pem").read_bytes(), short(fleet, "st-1", 30).read_bytes()):
        found = x509.load_pem_x509_certificate(pem)
        assert validity(pem) == (found.not_valid_before_utc, found.not_valid_after_utc)


def test_a_station_asks_after_two_thirds_and_the_admin_sends_the_next_certificate(fleet: Fleet) -> None:
    """A station whose certificate ran out while it was off the network comes back with the renewed one."""
    assert asks(Renewal(settings_of(fleet, "st-1", short(fleet, "st-1", 200)))) == ""
    settings = settings_of(fleet, "st-1", short(fleet, "st-1", 300))
    renewal = Renewal(settings)
    station = Client(fleet, "st-1").connect()
    station.listen("pack/v1/st/st-1/cmd/+/req")
    report = json.dumps({"certificate": {"asks": asks(renewal)}})
    station.mqtt.publish("pack/v1/st/st-1/cfg/reported", report, 1, retain=True)
    assert station.told.get(timeout=PATIENCE_S)
    deeds = Deeds(Path(settings.directory), Clock(), renewal)

    def answers() -> None:
        _, payload = station.heard.get(timeout=PATIENCE_S)
        asked = json.loads(payload)
        done = deeds.do("certificate", Certificate(**asked), devices=None, settings=settings, status=dict,  # type: ignore[arg-type]  # it touches none
                        reported={}, post=lambda event: None)
        station.mqtt.publish("pack/v1/st/st-1/cmd/certificate/rsp", payload_of(done), 1)

    answering = threading.Thread(target=answers)
    answering.start()
    admin, ca = fleet.folder / "admin", str(fleet.folder / "ca")
    printed = fleet.command(
        "renew", "st-1", "--folder", ca, "--broker", f"mqtts://127.0.0.1:{fleet.port}", "--ca", f"{ca}/ca.pem",
        "--cert", str(admin / "station.pem"), "--key", str(admin / "station.key"))
    answering.join()
    station.close()
    assert "command.certified" in printed
    assert asks(renewal) == ""
    expired = settings_of(fleet, "st-1", short(fleet, "st-1", 400))
    told: queue.SimpleQueue[tuple[object, ...]] = queue.SimpleQueue()
    link = Link(access_of(expired), station="st-1", site="ams1", boot=1, about=Presence("ready", 0), inbox=told.put)
    link.start()
    try:
        assert told.get(timeout=PATIENCE_S)[0] == "up"
    finally:
        link.stop(1.0)


def test_a_station_takes_no_certificate_of_another_key_name_or_time(fleet: Fleet) -> None:
    renewal = Renewal(settings_of(fleet, "st-1", short(fleet, "st-1", 1)))
    for pem, code in (((fleet.folder / "admin" / "station.pem").read_bytes(), "identity.other-key"),
                      (short(fleet, "st-1", 90).read_bytes(), "identity.older"), (b"x" * 200, "identity.unreadable")):
        with pytest.raises(identity.IdentityError) as caught:
            renewal.take(pem, 0, NOW_MS)
        assert caught.value.code == code


def test_what_one_station_asks_ends_no_other_ones_renewal(fleet: Fleet) -> None:
    """A report that is no request, one for another's name, and nonsense where answers are awaited."""
    enrol(fleet, "st-7")
    admin, ca = fleet.folder / "admin", fleet.folder / "ca"
    other = identity.request_again("st-1", (fleet.folder / "st-7" / "station.key").read_bytes()).decode()
    station = Client(fleet, "st-7").connect()
    for asks, code in (("nonsense", "identity.unreadable"), (other, "identity.other-name")):
        report = json.dumps({"certificate": {"asks": asks}})
        station.mqtt.publish("pack/v1/st/st-7/cfg/reported", report, 1, retain=True)
        assert station.told.get(timeout=PATIENCE_S)
        ended = CliRunner().invoke(group, [
            "renew", "st-7", "--folder", str(ca), "--broker", f"mqtts://127.0.0.1:{fleet.port}", "--ca",
            f"{ca}/ca.pem", "--cert", str(admin / "station.pem"), "--key", str(admin / "station.key")])
        assert (ended.exit_code, code in ended.output) == (1, True), ended.output
        assert isinstance(ended.exception, SystemExit)
    station.close()


def test_a_renewed_certificate_that_a_power_cut_emptied_is_asked_for_again(fleet: Fleet) -> None:
    settings = settings_of(fleet, "st-1", short(fleet, "st-1", 300))
    settings.renewed_cert_file.parent.mkdir(exist_ok=True)
    settings.renewed_cert_file.write_bytes(b"")
    assert "REQUEST" in asks(Renewal(settings))


def test_revoked_by_name_it_stays_outside_and_is_never_renewed(fleet: Fleet) -> None:
    enrol(fleet, "st-3")
    Client(fleet, "st-3").connect().close()
    ca = fleet.folder / "ca"
    fleet.command("revoke", "st-3", "--folder", str(ca))
    fleet.command("revoke", str(short(fleet, "st-1", 5)), "--folder", str(ca))  # a second time takes the first along
    fleet.stop()
    fleet.start()
    for name, files in (("st-3", None), ("st-1", fleet.folder / "st-5days")):
        if files is not None:
            files.mkdir()
            (files / "station.pem").write_bytes((fleet.folder / "st-1" / "5.pem").read_bytes())
            (files / "station.key").write_bytes((fleet.folder / "st-1" / "station.key").read_bytes())
        client = Client(fleet, name, files=files)
        with pytest.raises((OSError, queue.Empty, AssertionError)):
            client.connect()
    Client(fleet, "st-1").connect().close()
    assert not (ca / "issued" / "st-3.pem").exists()
