"""The shipped broker files keep others out: a real Mosquitto, TLS 1.3, certificates by the shipped commands."""

from __future__ import annotations

import datetime as dt
import queue
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from agent.cli.provision import group
from agent.fleet import identity
from tests.fleet.broker import Client, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("security"))
    fleet.command("authority", "--folder", str(fleet.folder / "ca"))
    fleet.certify("broker", "--address", "127.0.0.1", "--address", "localhost")
    for name in ("st-1", "st-2", "st-stolen"):
        fleet.certify(name)
    for name in ("admin", "oms"):
        fleet.certify(name, "--service")
    fleet.start()
    try:
        yield fleet
    finally:
        fleet.stop()


@pytest.mark.parametrize("topic", [
    "pack/v1/st/st-2/evt/parcel", "pack/v1/st/st-2/presence", "pack/v1/st/st-2/cfg/reported",
    "pack/v1/st/st-1/job/assign",
    "pack/v1/cfg/fleet", "pack/v1/cfg/station/st-1", "pack/v1/oms/state", "pack/v1/st/st-2/cmd/identify/req",
    "pack/v1/st/st-1/cmd/identify/req", "pack/v1/st/st-2/cmd/identify/rsp", "pack/v1/st/st-1/rcpt",
])
def test_a_station_can_not_speak_for_others(fleet: Fleet, topic: str) -> None:
    station = Client(fleet, "st-1").connect()
    assert station.say(topic) == "Not authorized"
    assert station.say("pack/v1/st/st-1/evt/parcel") in ("Success", "No matching subscribers")
    station.close()


def test_a_station_hears_its_own_work_and_nobody_elses_whatever_it_subscribes_to(fleet: Fleet) -> None:
    station, oms, admin = (Client(fleet, name).connect() for name in ("st-1", "oms", "admin"))
    station.listen("pack/v1/st/+/job/+", "#", "pack/v1/st/+/cmd/+/req", "pack/v1/cfg/station/+")
    oms.say("pack/v1/st/st-1/job/assign")
    oms.say("pack/v1/st/st-2/job/assign")
    admin.say("pack/v1/st/st-2/cmd/identify/req")
    admin.say("pack/v1/st/st-1/cmd/identify/req")
    admin.say("pack/v1/cfg/station/st-2")
    assert {topic.split("/")[3] for topic in station.hears()} == {"st-1"}
    assert oms.say("pack/v1/cfg/fleet") == "Not authorized"
    assert oms.say("pack/v1/st/st-1/cmd/identify/req") == "Not authorized"
    assert admin.say("pack/v1/st/st-1/job/assign") == "Not authorized"
    for one in (station, oms, admin):
        one.close()


def test_another_stations_client_id_does_not_throw_it_out(fleet: Fleet) -> None:
    victim = Client(fleet, "st-1").connect()
    thief = Client(fleet, "st-2", client_id="st-1").connect()
    assert victim.say("pack/v1/st/st-1/evt/parcel") in ("Success", "No matching subscribers")
    assert thief.say("pack/v1/st/st-1/evt/parcel") == "Not authorized"
    thief.close()
    victim.close()


# paho leaves a socket whose TLS handshake failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_foreign_certificate_and_none_at_all_stay_outside(fleet: Fleet, tmp_path: Path) -> None:
    key, certificate = identity.authority(NOW)
    own, asked = identity.request("st-1")
    (tmp_path / "station.key").write_bytes(own)
    (tmp_path / "station.pem").write_bytes(identity.issue(asked, key, certificate, NOW, name="st-1"))
    for files in (tmp_path, tmp_path / "nothing"):
        client = Client(fleet, "st-1", files=files)
        with pytest.raises((OSError, queue.Empty, AssertionError)):
            client.connect()
        client.mqtt.loop_stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_certificate_that_was_taken_back_stays_outside_after_a_reload(fleet: Fleet) -> None:
    Client(fleet, "st-stolen").connect().close()
    fleet.command("revoke", str(fleet.folder / "st-stolen" / "station.pem"), "--folder", str(fleet.folder / "ca"))
    fleet.stop()
    fleet.start()
    with pytest.raises((OSError, queue.Empty, AssertionError)):
        Client(fleet, "st-stolen").connect()
    Client(fleet, "st-1").connect().close()


def test_a_key_is_for_its_owner_alone_and_never_overwritten(fleet: Fleet) -> None:
    assert (fleet.folder / "st-1" / "station.key").stat().st_mode & 0o777 == 0o600
    assert CliRunner().invoke(group, ["request", "st-1", "--tls", str(fleet.folder / "st-1")]).exit_code == 2


@pytest.mark.parametrize(("name", "expected", "code"), [
    ("st-1", "st-2", "identity.other-name"), ("admin", "admin", "identity.reserved"),
    ("oms", "oms", "identity.reserved"),
])
def test_the_authority_gives_nobody_another_name(name: str, expected: str, code: str) -> None:
    key, certificate = identity.authority(NOW)
    _, asked = identity.request(name)
    with pytest.raises(identity.IdentityError) as caught:
        identity.issue(asked, key, certificate, NOW, name=expected)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "st 1", "x" * 65, "st-1\n"])
def test_a_name_that_is_no_level_of_a_topic_is_refused(name: str) -> None:
    with pytest.raises(identity.IdentityError) as caught:
        identity.request(name)
    assert caught.value.code == "identity.name"


def test_what_is_no_request_is_refused() -> None:
    key, certificate = identity.authority(NOW)
    with pytest.raises(identity.IdentityError) as caught:
        identity.issue(b"nonsense", key, certificate, NOW, name="st-1")
    assert caught.value.code == "identity.unreadable"


def test_a_key_that_can_not_sign_a_request_is_refused_in_words() -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = ed25519.Ed25519PrivateKey.generate().private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    with pytest.raises(identity.IdentityError) as caught:
        identity.request_again("st-1", key)
    assert caught.value.code == "identity.unreadable"


def test_a_certificate_without_a_name_belongs_to_nobody() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    authority_key, authority = identity.authority(NOW)
    key, _ = identity.request("st-1")
    signer = serialization.load_pem_private_key(authority_key, None)
    builder = (x509.CertificateBuilder().subject_name(x509.Name([])).serial_number(1).not_valid_before(NOW)
               .issuer_name(x509.load_pem_x509_certificate(authority).subject)
               .not_valid_after(NOW + dt.timedelta(days=1))
               .public_key(serialization.load_pem_private_key(key, None).public_key()))  # type: ignore[arg-type]  # EC
    pem = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]  # EC
    with pytest.raises(identity.IdentityError) as caught:
        identity.fits(pem, key, authority)
    assert caught.value.code == "identity.other-name"


def test_a_certificate_says_how_long_it_holds() -> None:
    key, certificate = identity.authority(NOW)
    _, asked = identity.request("st-1")
    pem = identity.issue(asked, key, certificate, NOW, name="st-1", days=30)
    assert 29.9 < identity.days_left(pem, NOW) < 30.1
