"""What a station is told to be: `station.toml` as typed values, with every problem listed at once.

A section is the word for its device (`[scale]`, `[camera]`, `[printer]`); several of a kind are `[[camera]]`
tables. Unknown keys are refused with the nearest right name, so that a typo can't hide.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from firmware_config.scale import ScaleSettings

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
Pin = Annotated[int, Meta(ge=0, le=27)]
Port = Annotated[int, Meta(ge=1, le=65_535)]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


# A broker's address: scheme, name or address (IPv6 in brackets), port up to 65535.
BROKER_URL = (r"^mqtts?://(\[[0-9A-Fa-f:.]+\]|[^/\s:@\[\]]+)"
              r"(:([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]))?\Z")


class Station(Section, frozen=True, kw_only=True):
    """`[station]`: who this is, and the site's habits."""

    id: Name
    site: Name
    proof: Literal["required", "preferred", "off"] = "required"
    pool_jobs: Annotated[int, Meta(ge=0, le=999)] = 0
    sscc_low: Annotated[int, Meta(ge=0, le=99_999)] = 0
    waiting_slip: bool = False
    weight_step_g: Annotated[float, Meta(gt=0, le=5_000)] = 30.0
    scan_items: Literal["asked", "unvouched"] = "asked"
    size_patience_s: Annotated[float, Meta(ge=0, le=300)] = 20.0
    sender: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=6)] = ()


class Broker(Section, frozen=True, kw_only=True):
    """`[broker]`: where jobs come from. A change here is a technician's, never a push's."""

    url: Annotated[str, Meta(pattern=BROKER_URL, max_length=256)]
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=600)] = 30


class Fleet(Section, frozen=True, kw_only=True):
    """`[fleet]`: whose pushes are taken. A change here is a technician's, never a push's."""

    keys: str = "/etc/packbench/config-keys"


class Keep(Section, frozen=True, kw_only=True):
    """`[keep]`: for how long the station remembers: addresses of ended jobs, then all of them."""

    addresses_days: Annotated[int, Meta(ge=1, le=3_650)] = 30
    file_hosts: tuple[Annotated[str, Meta(min_length=1, max_length=253)], ...] = ()
    ended_days: Annotated[int, Meta(ge=1, le=3_650)] = 90
    photos_days: Annotated[int, Meta(ge=1, le=3_650)] = 90


class Scale(ScaleSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[scale]`: the load cell or weighing instrument, and how it is reached."""

    driver: Literal["bench", "trace", "spi", "gpio", "iio", "hx711", "serial", "hid"]
    path: str = ""
    data_pin: Pin = 9
    clock_pin: Pin = 10
    protocol: Literal["", "sics", "toledo8217", "comma", "and", "cas", "yaohua", "equals", "equals-reversed",
                      "equals-straight", "rinstrum", "prefixed", "balance", "balance-asked", "lettered", "pattern"] = ""
    pattern: Annotated[str, Meta(max_length=256)] = ""
    unit: Literal["", "g", "kg", "mg", "t", "lb", "oz", "gn", "ct"] = ""
    baud: Annotated[int, Meta(ge=0, le=921_600)] = 0
    frame: Annotated[str, Meta(pattern=r"^([78][NEO][12])?\Z")] = ""
    thermometer: str = ""

    @property
    def instrument(self) -> bool:
        """True for what sends weights; false for what sends counts and is calibrated here."""
        return self.driver in ("serial", "hid")


class Camera(Section, frozen=True, kw_only=True):
    """`[camera]`: a camera and what it is for."""

    driver: Literal["bench", "folder", "v4l2", "rpicam", "rpicam-still"]
    role: Annotated[tuple[Literal["codes", "measure"], ...], Meta(min_length=1)] = ("codes", "measure")
    path: str = ""
    width_px: Annotated[int, Meta(ge=320, le=9_248)] = 1920
    height_px: Annotated[int, Meta(ge=240, le=6_944)] = 1080
    rate_hz: Annotated[float, Meta(gt=0, le=60)] = 10.0
    calibration: str = ""


class Scanner(Section, frozen=True, kw_only=True):
    """`[scanner]`: a hand scanner, on a serial port or typing like a keyboard."""

    driver: Literal["serial", "keyboard"]
    path: Annotated[str, Meta(min_length=1)]
    baud: Annotated[int, Meta(ge=300, le=921_600)] = 9_600


class Printer(Section, frozen=True, kw_only=True):
    """`[printer]`: a label printer, the roll in it, and which papers it prints."""

    driver: Literal["bench", "tcp", "usb", "png"]
    role: Annotated[tuple[Literal["slip", "label"], ...], Meta(min_length=1)] = ("slip", "label")
    model: str = "QL-820NWB"
    media: str = "62"
    host: str = ""
    port: Port = 9100
    snmp_port: Annotated[int, Meta(ge=0, le=65_535)] = 161
    community: Annotated[str, Meta(min_length=1, max_length=64)] = "public"
    path: str = ""
    serial: Annotated[str, Meta(max_length=64)] = ""
    doubt_after_s: Annotated[float, Meta(ge=5, le=600)] = 30.0


class Packing(Section, frozen=True, kw_only=True):
    """`[packing]`: how cartons are suggested, and how often the weight may stop a right parcel."""

    support: Annotated[float, Meta(ge=0, le=1)] = 0.75
    max_fill: Annotated[float, Meta(ge=0.05, le=1)] = 0.9
    clearance_mm: Annotated[int, Meta(ge=0, le=50)] = 2
    fragile_mm: Annotated[int, Meta(ge=0, le=50)] = 0
    objective: Literal["cost", "parcels", "volume"] = "cost"
    budget_ms: Annotated[float, Meta(ge=5, le=5_000)] = 50.0
    false_stops_per_1000: Annotated[float, Meta(ge=0.1, le=100)] = 1.5


class Signals(Section, frozen=True, kw_only=True):
    """`[signals]`: lamps, buzzer and button on GPIO lines (BCM numbers)."""

    driver: Literal["bench", "gpio", "off"] = "off"
    green_pin: Pin = 17
    amber_pin: Pin = 27
    red_pin: Pin = 22
    buzzer_pin: Pin = 23
    button_pin: Pin = 24
    long_press_s: Annotated[float, Meta(ge=0.3, le=10)] = 1.0


class Settings(Section, frozen=True, kw_only=True):
    """The whole file. `directory` holds database, photos and papers."""

    station: Station
    broker: Broker
    keep: Keep = Keep()
    fleet: Fleet = Fleet()
    directory: str = "/var/lib/packbench"
    socket: str = "/run/packbench/packbench.sock"
    bench: str = ""
    scale: tuple[Scale, ...] = ()
    camera: tuple[Camera, ...] = ()
    scanner: tuple[Scanner, ...] = ()
    printer: tuple[Printer, ...] = ()
    signals: Signals = Signals()
    packing: Packing = Packing()

    @property
    def renewed_cert_file(self) -> Path:
        """Where a certificate lies that was renewed over the link; it goes before the broker's `cert_file`."""
        return Path(self.directory) / "tls" / "station.pem"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file: where, a stable code, what, and how to mend it."""

    key: str
    code: str
    text: str


class ConfigError(Exception):
    """A file can't be used; `problems` holds all that is wrong with it."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{source}: {p.key}: {p.text} ({p.code})" for p in problems))
        self.source = source
        self.problems = problems


def load(path: Path) -> Settings:
    """Return the settings in a TOML file. Raises ConfigError with every problem."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        text = "there is no such file. Name it with --config, or let `packbench init` write a first one."
        raise ConfigError(str(path), [Problem("file", "config.missing", text)]) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        text = f"it can't be read as TOML: {error}."
        raise ConfigError(str(path), [Problem("file", "config.unreadable", text)]) from None
    return parse(raw, str(path))


def parse(raw: dict[str, Any], source: str) -> Settings:
    """Return the settings in a decoded TOML document. Raises ConfigError with every problem."""
    problems: list[Problem] = []
    settings: Settings | None = read_section(Settings, raw, "", problems)
    if settings is not None:
        problems += _across(settings)
    if settings is None or problems:
        raise ConfigError(source, problems)
    return settings


def read_section(kind: type[Any], raw: object, key: str, problems: list[Problem]) -> Any:  # noqa: ANN401 (a value of `kind`)
    """Return the table `raw` as the struct `kind`, or None after adding all that is wrong with it to `problems`."""
    if not isinstance(raw, dict):
        problems.append(Problem(key or "file", "config.type", f"it must be a table, not {_word(raw)}."))
        return None
    before = len(problems)
    fields, hints = _shape(kind)
    for name in raw:
        if name not in fields:
            near = get_close_matches(name, fields, 1)
            mend = f"did you mean `{near[0]}`?" if near else f"known here are {', '.join(sorted(fields))}."
            problems.append(Problem(_dotted(key, name), "config.unknown-key", f"there is no such key; {mend}"))
    values: dict[str, Any] = {}
    for name, required in fields.items():
        if name in raw:
            values[name] = _value(hints[name], raw[name], _dotted(key, name), problems)
        elif required:
            problems.append(Problem(_dotted(key, name), "config.missing-key", "this key is needed."))
    return kind(**values) if len(problems) == before else None


def _shape(kind: type[Any]) -> tuple[dict[str, bool], dict[str, Any]]:
    """Return whether each field of a struct is required, and its type; both are slow to find out, so they are kept."""
    if kind not in _SHAPES:
        required = {field.name: field.required for field in msgspec.structs.fields(kind)}
        _SHAPES[kind] = (required, get_type_hints(kind, include_extras=True))
    return _SHAPES[kind]


_SHAPES: dict[type[Any], tuple[dict[str, bool], dict[str, Any]]] = {}


def _value(hint: Any, raw: object, key: str, problems: list[Problem]) -> Any:  # noqa: ANN401 (a value of `hint`)
    """Return `raw` as the field's type, or None after adding what is wrong to `problems`."""
    if isinstance(hint, type) and issubclass(hint, Struct):
        return read_section(hint, raw, key, problems)
    element = get_args(hint)[0] if get_origin(hint) is tuple else None
    if isinstance(element, type) and issubclass(element, Struct):
        tables = raw if isinstance(raw, list) else [raw]
        several = len(tables) > 1
        return tuple(
            read_section(element, table, f"{key}[{n}]" if several else key, problems) for n, table in enumerate(tables)
        )
    try:
        return msgspec.convert(raw, hint)
    except msgspec.ValidationError as error:
        known = ", ".join(str(one) for one in get_args(hint)) if get_origin(hint) is Literal else ""
        text = f"is none of {known}." if known else f"does not fit: {error}."
        problems.append(Problem(key, "config.value", f"{_word(raw)} {text}"))
        return None


def _across(settings: Settings) -> list[Problem]:
    """Return what is wrong between keys that are each right by themselves."""
    found = []
    for section, devices in (("scale", settings.scale), ("camera", settings.camera), ("printer", settings.printer)):
        for device in devices:
            if device.driver == "bench" and not settings.bench:
                text = f"[{section}] has driver `bench`; name its folder."
                found.append(Problem("bench", "config.missing-key", text))
            if device.driver in ("trace", "folder", "v4l2", "png") and not device.path:
                text = f"driver `{device.driver}` needs a path."
                found.append(Problem(f"{section}.path", "config.missing-key", text))
    for scale in settings.scale:
        found += [Problem(f"scale.{key}", "config.value", text) for key, text in scale.problems()]
        found += _wired(scale, settings.signals)
    for printer in settings.printer:
        if printer.driver == "tcp" and not printer.host:
            found.append(Problem("printer.host", "config.missing-key", "driver `tcp` needs the printer's host."))
    if settings.broker.url.startswith("mqtt://") and (settings.broker.cert_file or settings.broker.ca_file):
        text = "certificates are named but the URL has no TLS; write mqtts://."
        found.append(Problem("broker.url", "config.tls", text))
    return found


def _wired(scale: Scale, signals: Signals) -> list[Problem]:
    """Return what is wrong with the way to a scale."""
    found = []
    if scale.driver == "serial":
        needs = [("path", "the port, under /dev/serial/by-id"), ("protocol", "what the instrument speaks")]
        if scale.protocol == "pattern":
            needs.append(("pattern", "a regular expression with a group named `value`"))
        found += [Problem(f"scale.{key}", "config.missing-key", f"driver `serial` needs {what}.")
                  for key, what in needs if not getattr(scale, key)]
    else:
        found += [Problem(f"scale.{key}", "config.value", "this key is for driver `serial` alone.")
                  for key in ("protocol", "pattern", "unit", "baud", "frame") if getattr(scale, key)]
    if scale.pattern:
        try:
            named = "value" in re.compile(scale.pattern).groupindex
        except re.error as error:
            found.append(Problem("scale.pattern", "config.value", f"it is no regular expression: {error}."))
        else:
            if not named or scale.protocol != "pattern":
                text = "it needs a group named `value`, and protocol `pattern`."
                found.append(Problem("scale.pattern", "config.value", text))
    if scale.driver in ("gpio", "hx711"):
        if scale.data_pin == scale.clock_pin:
            found.append(Problem("scale.clock_pin", "config.value", "data and clock are one pin; name two."))
        if signals.driver == "gpio":
            taken = {getattr(signals, name): name for name in signals.__struct_fields__ if name.endswith("_pin")}
            found += [Problem(f"scale.{key}", "config.value", f"signals.{taken[pin]} has this pin.")
                      for key in ("data_pin", "clock_pin") if (pin := getattr(scale, key)) in taken]
    return found


def _dotted(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _word(raw: object) -> str:
    """Return a value as a refusal shows it, without the user and password that an address may hold."""
    text = re.sub(r"//[^/\s]*@", "//", repr(raw))
    return text if len(text) <= 60 else text[:57] + "..."
