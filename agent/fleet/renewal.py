"""The station's own certificate: until when it holds, the request for the next one, and taking that when it comes.

The key stays where it is, readable for the agent alone, and the next certificate is one of the same key; a new key is a
new request with a new token. The next certificate lies in the station's directory: the agent may write nowhere else.
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from agent.fleet.identity import IdentityError, fits, request_again

if TYPE_CHECKING:
    from firmware_config.settings import Settings

# RFC 5280, 4.1.2.5: SEQUENCE of two times, UTCTime (0x17, 13 bytes) until 2049, GeneralizedTime (0x18, 15 bytes) then.
_TIME = rb"(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)"
_VALIDITY = re.compile(rb"\x30[\x1e\x20\x22]" + _TIME + _TIME)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
# A new one is asked for when so much of its life is over.
ASKS_AFTER = 2 / 3
LOOK_MS = 3_600_000


class OwnCertificate(Struct, frozen=True, omit_defaults=True):
    """What a station says of its certificate: its last moment, and the request (PEM) for the next while it is time."""

    until: str
    asks: str = ""


def validity(pem: bytes) -> tuple[dt.datetime, dt.datetime]:
    """Return first and last moment of a certificate, without a library for it. Raises IdentityError."""
    found = _PEM.search(pem)
    try:
        match = _VALIDITY.search(base64.b64decode(found[1])) if found else None
        if match is not None:
            return _moment(match[1], match[2]), _moment(match[3], match[4])
    except ValueError:  # no base64, or no moment of any calendar
        pass
    raise IdentityError("identity.unreadable", "it is no certificate.")


def _validity_or_none(pem: bytes) -> tuple[dt.datetime, dt.datetime] | None:
    try:
        return validity(pem)
    except IdentityError:
        return None


def _moment(short: bytes | None, long: bytes | None) -> dt.datetime:
    digits = long.decode() if long else "20" + (short or b"").decode()
    return dt.datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)


class Renewal:
    """The certificate of one station, as far as its settings name one."""

    def __init__(self, settings: Settings) -> None:
        broker = settings.broker
        self._name = settings.station.id
        names = (broker.cert_file, broker.key_file, broker.ca_file)
        self._files = (Path(names[0]), Path(names[1]), Path(names[2])) if broker.cert_file else None
        self._renewed = settings.renewed_cert_file
        self._said: OwnCertificate | None = None
        self._next_look_ms = 0

    def said(self, now_ms: int, wall_ms: int) -> OwnCertificate | None:
        """Return what there is to say now; None without a certificate, or with one that can't be read."""
        if self._files is not None and now_ms >= self._next_look_ms:
            self._next_look_ms = now_ms + LOOK_MS
            try:
                self._said = self._look(*self._files, dt.datetime.fromtimestamp(wall_ms / 1000, dt.UTC))
            except (OSError, IdentityError):
                self._said = None  # the link tells of files that can't be read
        return self._said

    def _look(self, cert_file: Path, key_file: Path, _: Path, now: dt.datetime) -> OwnCertificate:
        first, last = validity(cert_file.read_bytes())
        if self._renewed.exists():
            newer = _validity_or_none(self._renewed.read_bytes())
            if newer is not None and newer[1] > last:
                first, last = newer
            else:  # a technician laid down one that holds longer, or the power went while it was written
                self._renewed.unlink()
        due = now > first + ASKS_AFTER * (last - first)
        asks = request_again(self._name, key_file.read_bytes()).decode() if due else ""
        return OwnCertificate(until=f"{last:%Y-%m-%dT%H:%M:%SZ}", asks=asks)

    def take(self, pem: bytes, now_ms: int, wall_ms: int) -> OwnCertificate | None:
        """Lay down the next certificate; the next connection takes it. Return what `said` says then.

        Raises IdentityError when it is not one of this station's key from its authority, or ends sooner; OSError.
        """
        if self._files is None:
            raise IdentityError("identity.none", "this station has no certificate that could be renewed.")
        cert_file, key_file, ca_file = self._files
        name = fits(pem, key_file.read_bytes(), ca_file.read_bytes())
        if name != self._name:
            raise IdentityError("identity.other-name", f"it is the certificate of {name}.")
        if validity(pem)[1] <= validity(cert_file.read_bytes())[1]:
            raise IdentityError("identity.older", "it does not hold longer than the one that is here.")
        self._renewed.parent.mkdir(mode=0o700, exist_ok=True)
        new = self._renewed.with_suffix(".new")
        new.write_bytes(pem)
        new.replace(self._renewed)
        self._next_look_ms = 0
        return self.said(now_ms, wall_ms)
