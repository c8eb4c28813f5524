"""The admin's end of the wire for `packbench config`, `command` and `provision`: publish, listen, wait for answers."""

from __future__ import annotations

import queue
import re
import ssl
import sys
import time
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, NoReturn, Self
from urllib.parse import urlsplit

import click

from firmware_config.settings import BROKER_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.fleet.commands import Answer

CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Way:
    """Where the broker is, and who the admin is to it."""

    broker: str
    ca_file: str | None
    cert_file: str | None
    key_file: str | None


def broker_options(called: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a `Way`, which the command gets as `way`."""
    @wraps(called)
    def command(broker: str, ca_file: str | None, cert_file: str | None, key_file: str | None, **more: object) -> None:
        called(way=Way(broker, ca_file, cert_file, key_file), **more)

    wrapped: Callable[..., None] = command
    for option in (
        click.option("--key", "key_file", type=click.Path(exists=True, dir_okay=False), help="The admin's TLS key."),
        click.option("--cert", "cert_file", type=click.Path(exists=True, dir_okay=False),
                     help="The admin's TLS certificate."),
        click.option("--ca", "ca_file", type=click.Path(exists=True, dir_okay=False),
                     help="The certificate authority of the broker."),
        click.option("--broker", required=True, help="mqtt://host:port or mqtts://host:port"),
    ):
        wrapped = option(wrapped)
    return wrapped


def stop(exit_code: int, code: str, text: str) -> NoReturn:
    """End the command with one line of why."""
    click.echo(f"{text} ({code})", err=True)
    sys.exit(exit_code)


class Desk:
    """One connection of the admin's; a context manager."""

    def __init__(self, way: Way) -> None:
        """Connect. Ends the command when nobody answers there."""
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        broker = way.broker
        if not re.match(BROKER_URL, broker):
            stop(2, "broker.url", f"{broker} is no address such as mqtts://broker.example:8883.")
        url = urlsplit(broker)
        self._messages: queue.SimpleQueue[tuple[str, bytes, bool]] = queue.SimpleQueue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _c, _u, message: self._messages.put(
            (message.topic, bytes(message.payload), bool(message.retain)))
        connected: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._client.on_connect = lambda _c, _u, _f, reason, _p: connected.put(
            str(reason) if reason.is_failure else "")
        try:
            if url.scheme == "mqtts":
                context = ssl.create_default_context(cafile=way.ca_file)
                context.minimum_version = ssl.TLSVersion.TLSv1_3
                if way.cert_file:
                    context.load_cert_chain(way.cert_file, way.key_file)
                self._client.tls_set_context(context)
            self._client.connect(str(url.hostname), url.port or (8883 if url.scheme == "mqtts" else 1883))
            self._client.loop_start()
            refused = connected.get(timeout=CONNECT_S)
        except (OSError, queue.Empty) as error:
            self._client.loop_stop()
            stop(1, "broker.unreachable", f"{broker} can't be reached: {str(error) or 'no answer'}.")
        if refused:
            self._client.loop_stop()
            stop(1, "broker.refused", f"{broker} refuses us: {refused}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def listen(self, *topics: str) -> None:
        """Subscribe; what comes is in `heard`. Retained messages come first."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, and wait until the broker has it. Ends the command when it does not take it."""
        import paho.mqtt.client as mqtt

        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        try:
            sent.wait_for_publish(CONNECT_S)
        except (RuntimeError, ValueError):
            stop(1, "broker.lost", "the connection to the broker was lost.")
        if sent.rc != mqtt.MQTT_ERR_SUCCESS or not sent.is_published():
            stop(1, "broker.not-taken", f"the broker did not take the message on {topic}.")

    def heard(self, until_s: float) -> Iterator[tuple[str, bytes, bool]]:
        """Yield (topic, payload, retained) as they come, until `time.monotonic()` is `until_s`."""
        while (left_s := until_s - time.monotonic()) > 0:
            try:
                yield self._messages.get(timeout=left_s)
            except queue.Empty:
                return

    def answer(self, cid: str, until_s: float) -> Answer | None:
        """Return the answer to one command, or None when none came; whatever else comes is passed over."""
        import msgspec

        from agent.fleet.commands import Answer

        for _, payload, _ in self.heard(until_s):
            try:
                found = msgspec.json.decode(payload, type=Answer)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue
            if found.cid == cid and found.state != "taken":
                return found
        return None
