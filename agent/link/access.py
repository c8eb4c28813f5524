"""Where the broker is, how it knows us, and what each way of not reaching it means to a person."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from firmware_config.settings import Settings

# OpenSSL's X509_V_ERR_*: what a certificate fails on.
_NOT_YET_VALID = (9, 13)
_EXPIRED = (10, 14)
_WRONG_NAME = (62, 64)


class LinkError(Exception):
    """The broker can't be reached or won't have us: stable code, what was seen, what a person does next."""

    def __init__(self, code: str, detail: str, hint: str) -> None:
        super().__init__(f"{code}: {detail} {hint}")
        self.code = code
        self.detail = detail
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Access:
    """Where the broker is and how it knows us. Files are read at each connection, so renewed ones are taken.

    `url` is `mqtt://host:port` or `mqtts://host:port`; `client_id` must be this station's alone.
    """

    url: str
    client_id: str
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str = ""
    password_file: Path | None = None
    keepalive_s: int = 30
    renewed_file: Path | None = None

    @property
    def tls(self) -> bool:
        """True when the connection is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port; 8883 or 1883 when the URL has none."""
        return urlsplit(self.url).port or (8883 if self.tls else 1883)

    def password(self) -> str | None:
        """Return the password from its file, or None. Raises LinkError when the file can't be read."""
        if self.password_file is None:
            return None
        try:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise LinkError("link.files", f"{self.password_file}: {error}.",
                            "Put the broker's password there, readable by the service user.") from error

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS context with our CA, certificate and key. Raises LinkError for a missing or broken file."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            if self.cert_file is not None:
                self._load_chain(context, self.cert_file)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(file) for file in (self.ca_file, self.cert_file, self.key_file) if file)
            raise LinkError("link.files", f"{files}: {error}.",
                            "Put CA, certificate and key there, readable by the service user.") from error
        return context

    def _load_chain(self, context: ssl.SSLContext, cert_file: Path) -> None:
        """Load the renewed certificate, if it belongs to the key; else the one of the settings."""
        if self.renewed_file is not None and self.renewed_file.exists():
            with contextlib.suppress(ssl.SSLError):
                context.load_cert_chain(self.renewed_file, self.key_file)
                return
        context.load_cert_chain(cert_file, self.key_file)


def access_of(settings: Settings) -> Access:
    """Return how the settings say that the broker is reached; the station's id is the client id."""
    def file(name: str) -> Path | None:
        return Path(name) if name else None
    broker = settings.broker
    return Access(broker.url, settings.station.id, file(broker.ca_file), file(broker.cert_file), file(broker.key_file),
                  broker.username, file(broker.password_file), broker.keepalive_s, settings.renewed_cert_file)


def unreachable(access: Access, error: OSError) -> LinkError:
    """Return what an error of the socket means to the one who stands before the station."""
    where = f"{access.host}:{access.port}"
    match error:
        case ssl.SSLCertVerificationError() if error.verify_code in _NOT_YET_VALID:
            return LinkError("link.clock", f"the certificate of {where} is not valid yet: our clock is behind.",
                             "Let the station reach a time server, or set the clock; it is tried again by itself.")
        case ssl.SSLCertVerificationError() if error.verify_code in _EXPIRED:
            return LinkError("link.certificate-expired", f"the certificate of {where} has expired.",
                             "Look at the station's clock first; if it is right, renew the broker's certificate.")
        case ssl.SSLCertVerificationError() if error.verify_code in _WRONG_NAME:
            return LinkError("link.certificate-name", f"the certificate is not for {access.host}.",
                             "Write the name that stands in the broker's certificate into the settings.")
        case ssl.SSLCertVerificationError():
            return LinkError("link.certificate-unknown", f"the certificate of {where} is not signed by our CA.",
                             "Check the CA file in the settings against the broker's.")
        case ssl.SSLError():
            return LinkError("link.tls", f"{where} and we can't agree on TLS: {error.reason or error}.",
                             "Check that this port speaks TLS and knows the station's certificate.")
        case socket.gaierror():
            return LinkError("link.dns", f"the name {access.host} is not known.",
                             "Check the network and the broker's name in the settings.")
        case ConnectionRefusedError():
            return LinkError("link.refused", f"nothing listens on {where}.",
                             "Start the broker, or correct its address in the settings.")
        case TimeoutError():
            return LinkError("link.timeout", f"{where} does not answer.", "Check network and firewall.")
        case _:
            return LinkError("link.unreachable", f"{where}: {error.strerror or error}.",
                             "Check the network cable or Wi-Fi.")


def refused(code: int, name: str) -> LinkError:
    """Return what the broker's reason code at CONNACK or DISCONNECT (MQTT 5, section 2.4) means."""
    words = f"the broker says: {name}."
    if code in (0x86, 0x87, 0x8C):
        return LinkError("link.not-authorized", words,
                         "Check the station's certificate or password and the broker's rights.")
    if code == 0x85:
        return LinkError("link.client-id", words, "Give the station an id that the broker accepts.")
    if code == 0x8E:
        return LinkError("link.client-id-twice", "another client took over our session.",
                         "Two agents run here, two stations have one id, or this station's card was copied: then "
                         "take its certificate back (packbench provision revoke) and give it a new one.")
    if code in (0x88, 0x89, 0x8B, 0x97, 0x9F):
        return LinkError("link.broker-busy", words, "Nothing to do here; it is tried again by itself.")
    if code == 0x84:
        return LinkError("link.version", words, "MQTT 3.1.1 is tried next.")
    return LinkError("link.closed-by-broker", words, "Look into the broker's log.")
