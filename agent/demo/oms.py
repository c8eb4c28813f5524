"""A small order management system: the least that an OMS must do, in code to read.

1. **Keep before acknowledging.** A fact is in our database before the broker and the station hear that we have it.
2. **Answer every fact with a receipt**, also one that we know already: the station sends it until it hears so.
3. **De-duplicate by `id`.** The same id is the same bytes, told twice.
4. **Look at `key`.** The same key with other content is a conflict for a person, never a second booking.
5. **Answer `sync/req`**: send jobs again that the station lacks, and cancels that it missed.

Everything else here (a label bought after weighing, decisions about held parcels) a real OMS does in its own way.
"""

from __future__ import annotations

import hashlib
import json
import logging
import queue
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from paho.mqtt.reasoncodes import ReasonCode

log = logging.getLogger("packbench.oms")

Json = dict[str, Any]
RECEIPTS_A_MESSAGE = 100
SSCC_PREFIX = "34012345"  # extension digit and a company prefix for examples
SSCC_BLOCK = 500
BATCH = 200
ENDS = ("packed", "cancelled", "expired", "rejected")
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (job TEXT PRIMARY KEY, rev INTEGER, station TEXT, body TEXT, wanted TEXT,
    state TEXT DEFAULT 'sent', code TEXT DEFAULT '', store TEXT DEFAULT '', seq INTEGER DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, station TEXT, kind TEXT, key TEXT, body TEXT,
    copies INTEGER DEFAULT 1) STRICT;
CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, kind TEXT, id TEXT, sha256 TEXT, data TEXT) STRICT;
CREATE TABLE IF NOT EXISTS leases (block INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT, first TEXT) STRICT;
CREATE TABLE IF NOT EXISTS conflicts (key TEXT, id TEXT, data TEXT) STRICT;
CREATE VIEW IF NOT EXISTS stock AS
    SELECT data ->> 'sku' AS sku, sum(data ->> 'qty') AS moved FROM facts WHERE kind = 'inventory' GROUP BY 1;
"""


@dataclass(frozen=True, slots=True)
class Assign:
    """Give this job to its station."""

    job: Json


@dataclass(frozen=True, slots=True)
class Offer:
    """Offer this job to every station of its site; the first claim gets it."""

    job: Json


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take this job back, from this revision on."""

    job: str
    rev: int


class ReferenceOms:
    """One OMS on one broker and one SQLite file. `start`, then `assign`, `cancel`, `decide`, `label` from any thread.

    `label_for(fact)` answers `label-wanted` with papers, or None for "later"; `verdict_for(fact)` answers a held parcel
    with `release`, `repack`, `cancel` or None; `on_fact(kind, data)` sees each fact once.
    """

    def __init__(
        self, url: str, database: Path | str, *,
        label_for: Callable[[Json], list[Json] | None] | None = None,
        verdict_for: Callable[[Json], str | None] | None = None,
        on_fact: Callable[[str, Json], None] | None = None,
        receipts: bool = True,
    ) -> None:
        self.receipts = receipts
        self._url = urlsplit(url)
        self._database = str(database)
        self._label_for = label_for
        self._verdict_for = verdict_for
        self._on_fact = on_fact
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="oms", daemon=True)
        self._ready = threading.Event()
        self._refusal = ""
        self._client = self._make_client()

    # -- to be called from anywhere -----------------------------------------------------------------------------

    def start(self, timeout_s: float = 10.0) -> None:
        """Connect and begin; raises TimeoutError when the broker can't be reached in time, or refuses us."""
        self._open().close()
        self._thread.start()
        self._client.connect_async(self._url.hostname or "", self._url.port or 1883, 30, clean_start=False,
                                   properties=_session())
        self._client.loop_start()
        if not self._ready.wait(timeout_s):
            raise TimeoutError(f"no broker at {self._url.geturl()}")
        if self._refusal:
            self.stop()
            raise TimeoutError(f"the broker at {self._url.geturl()} refuses us: {self._refusal}")

    def tell_catalogue(self, site: str, catalogue: Json) -> None:
        """Say which cartons and SKUs a site has; retained, so that a station that comes later hears it too."""
        self._client.publish(f"pack/v1/site/{site}/catalogue", json.dumps(catalogue), qos=1, retain=True)

    def stop(self) -> None:
        """Write down what came, say goodbye, end."""
        self._client.publish("pack/v1/oms/state", json.dumps({"state": "disconnected"}), qos=1, retain=True)
        self._inbox.put(None)
        if self._thread.is_alive():
            self._thread.join(5)
        self._client.disconnect()
        self._client.loop_stop()

    def assign(self, job: Json) -> None:
        """Give a job to its station: on our disk first, then on the wire."""
        self._inbox.put(Assign(job))

    def offer(self, job: Json) -> None:
        """Offer a job (without a station) to its site; call it again while nobody has it."""
        self._inbox.put(Offer(job))

    def cancel(self, job: str, rev: int) -> None:
        """Take a job back."""
        self._inbox.put(Cancel(job, rev))

    def decide(self, station: str, parcel: str, verdict: str) -> None:
        """Release, repack or cancel a held parcel."""
        self._send(station, "job/decision", {"parcel": parcel, "verdict": verdict})

    def decide_rest(self, station: str, job: str, rest: str) -> None:
        """Keep the rest of a short job for later, or cancel or back-order it."""
        self._send(station, "job/decision", {"job": job, "rest": rest})

    def label(self, station: str, parcel: str, rev: int, papers: list[Json]) -> None:
        """Send the papers of one parcel."""
        self._send(station, "job/label", {"parcel": parcel, "rev": rev, "papers": papers})

    def report(self) -> Json:
        """Return what the database says: jobs by state, parcels by state, stock, conflicts, copies."""
        db = sqlite3.connect(self._database)
        try:
            db.executescript(SCHEMA)  # asked before the first word, there is nothing to tell
            return report(db)
        finally:
            db.close()

    # -- the network --------------------------------------------------------------------------------------------

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="reference-oms", protocol=mqtt.MQTTv5,
                             manual_ack=True)
        client.on_connect = self._on_connect
        client.on_message = lambda _client, _user, message: self._inbox.put(message)
        client.reconnect_delay_set(1, 5)
        client.will_set("pack/v1/oms/state", json.dumps({"state": "lost"}), qos=1, retain=True)
        return client

    def _on_connect(self, client: mqtt.Client, _user: object, _flags: object, reason: ReasonCode, *_: object) -> None:
        self._refusal = str(reason) if reason.is_failure else ""
        if self._refusal:
            self._ready.set()
            return
        client.subscribe([("pack/v1/st/+/evt/#", SubscribeOptions(qos=1)),
                          ("pack/v1/st/+/sync/req", SubscribeOptions(qos=1))])
        client.publish("pack/v1/oms/state", json.dumps({"state": "ready"}), qos=1, retain=True)
        self._ready.set()

    def _send(self, station: str, leaf: str, body: Json) -> None:
        self._client.publish(f"pack/v1/st/{station}/{leaf}", json.dumps(body, ensure_ascii=False), qos=1)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._database, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(SCHEMA)
        return db

    # -- our own thread: the only one that touches the database -------------------------------------------------

    def _work(self) -> None:
        db = self._open()
        going_on = True
        while going_on:
            batch = [self._inbox.get()]
            while len(batch) < BATCH and not self._inbox.empty():
                batch.append(self._inbox.get())
            messages = [one for one in batch if isinstance(one, mqtt.MQTTMessage)]
            orders = [one for one in batch if isinstance(one, Assign | Cancel | Offer)]
            going_on = None not in batch
            db.execute("BEGIN IMMEDIATE")
            facts = [_book(db, message) for message in messages if "/evt/" in message.topic]
            for order in orders:
                _note(db, order)
            db.execute("COMMIT")
            # From here on it is on disk: now the world may hear of it.
            for message in messages:
                self._client.ack(message.mid, message.qos)
            if self.receipts:
                self._give_receipts(messages)
            for order in orders:
                self._carry_out(order, db)
            for fact in facts:
                if fact is not None:
                    self._grant(db, *fact)
            for message in messages:
                if message.topic.endswith("/sync/req"):
                    self._answer_sync(db, message)
            for fact in facts:
                if fact is not None:
                    self._react(*fact)
        db.close()

    def _give_receipts(self, messages: Iterable[mqtt.MQTTMessage]) -> None:
        """Answer every fact, known or new, with its id."""
        ids: dict[str, list[str]] = {}
        for message in messages:
            if "/evt/" in message.topic and (fact_id := _json(message).get("id")):
                ids.setdefault(_station_of(message.topic), []).append(fact_id)
        for station, known in ids.items():
            for start in range(0, len(known), RECEIPTS_A_MESSAGE):
                self._send(station, "rcpt", {"ids": known[start:start + RECEIPTS_A_MESSAGE]})

    def _carry_out(self, order: Assign | Cancel | Offer, db: sqlite3.Connection) -> None:
        match order:
            case Assign(job=job):
                self._send(job["station"], "job/assign", job)
            case Offer(job=job):
                offer = {name: job[name] for name in ("job", "rev", "site", "order")}  # no address: everybody reads it
                self._client.publish(f"pack/v1/site/{job['site']}/job/offer", json.dumps(offer), qos=1)
            case Cancel(job=job, rev=rev):
                (station,) = db.execute("SELECT station FROM jobs WHERE job=?", (job,)).fetchone() or ("",)
                if station:
                    self._send(station, "job/cancel", {"job": job, "rev": rev})

    def _grant(self, db: sqlite3.Connection, station: str, kind: str, data: Json) -> None:
        """Answer what a station asks for: an offered job to the first who claims it, serial numbers to a store."""
        if kind == "claim":
            row = db.execute("UPDATE jobs SET station=?, body=json_set(body, '$.station', ?) WHERE job=? AND station=''"
                             " RETURNING body", (station, station, data["job"])).fetchone()
            if row is not None:
                self._send(station, "job/assign", json.loads(row[0]))
        if kind == "sscc-wanted":
            block = db.execute("INSERT INTO leases (store, first) VALUES (?, '') RETURNING block",
                               (data["store"],)).fetchone()[0]
            first = f"{SSCC_PREFIX}{block * SSCC_BLOCK:0{17 - len(SSCC_PREFIX)}d}"
            db.execute("UPDATE leases SET first=? WHERE block=?", (first, block))
            self._send(station, "job/sscc", {"block": f"L-{block}", "store": data["store"], "first": first,
                                             "count": SSCC_BLOCK})

    def _answer_sync(self, db: sqlite3.Connection, message: mqtt.MQTTMessage) -> None:
        """Send again what the station lacks of our open jobs, and the cancels that it missed."""
        station, request = _station_of(message.topic), _json(message)
        there = {row[0]: row for row in request.get("jobs", [])}
        first, last = request.get("first", ""), request.get("last") or "\uffff"
        missing = db.execute("SELECT job, rev, body, wanted FROM jobs WHERE station=? AND job >= ? AND job < ?"
                             " AND (state NOT IN ('packed','cancelled','expired','rejected') OR wanted='cancelled')",
                             (station, first, last)).fetchall()
        again = 0
        for job, rev, body, wanted in missing:
            has = there.get(job)
            if wanted == "cancelled":
                if has is not None and has[2] not in ENDS:
                    self._send(station, "job/cancel", {"job": job, "rev": rev})
                    again += 1
            elif has is None or has[1] < rev:
                self._send(station, "job/assign", json.loads(body))
                again += 1
        known = {row[0] for row in db.execute("SELECT job FROM jobs WHERE station=?", (station,))}
        self._send(station, "sync/rsp", {"session": request.get("session", 0), "page": request.get("page", 1),
                                         "again": again, "unknown": sorted(set(there) - known)[:500]})

    def _react(self, station: str, kind: str, data: Json) -> None:
        """Do with a new fact what this small OMS is asked to do."""
        if self._on_fact is not None:
            self._on_fact(kind, data)
        if kind == "label-wanted" and self._label_for is not None and (papers := self._label_for(data)):
            self.label(station, data["parcel"], data["rev"], papers)
        if kind == "parcel" and data["state"] == "held" and self._verdict_for is not None:
            verdict = self._verdict_for(data)
            if verdict:
                self.decide(station, data["parcel"], verdict)


def _book(db: sqlite3.Connection, message: mqtt.MQTTMessage) -> tuple[str, str, Json] | None:
    """Write a fact down; return (station, kind, data) when it is new, None for a copy, a conflict or nonsense."""
    event, station, kind = _json(message), _station_of(message.topic), message.topic.rpartition("/")[2]
    if not isinstance(event.get("id"), str) or not isinstance(event.get("key"), str):
        log.warning("nonsense on %s", message.topic)
        return None
    new = db.execute("INSERT INTO events (id, station, kind, key, body) VALUES (?,?,?,?,?)"
                     " ON CONFLICT (id) DO UPDATE SET copies = copies + 1 RETURNING copies = 1",
                     (event["id"], station, kind, event["key"], message.payload.decode())).fetchone()[0]
    if not new:
        return None
    # Where and when it was told may differ when a station tells again after it lost its memory; the rest may not.
    data = {name: value for name, value in event["data"].items() if name != "at"}
    text = json.dumps(data, sort_keys=True)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    known = db.execute("SELECT sha256 FROM facts WHERE key=?", (event["key"],)).fetchone()
    if known is not None and known[0] != sha256:
        db.execute("INSERT INTO conflicts (key, id, data) VALUES (?,?,?)", (event["key"], event["id"], text))
        return None
    if kind == "job":
        _advance(db, event, data)
    if known is not None:
        return None
    db.execute("INSERT INTO facts (key, kind, id, sha256, data) VALUES (?,?,?,?,?)",
               (event["key"], kind, event["id"], sha256, text))
    return station, kind, data


def _advance(db: sqlite3.Connection, event: Json, data: Json) -> None:
    """Take over a job's state, unless a later word of the same store is known: topics and copies have no order."""
    store, _, _ = event["id"].rpartition(":")
    db.execute("UPDATE jobs SET state=?, code=?, store=?, seq=? WHERE job=? AND (store != ? OR seq < ?)",
               (data["state"], data.get("code", ""), store, event["data"]["at"]["seq"], data["job"], store,
                event["data"]["at"]["seq"]))


def _note(db: sqlite3.Connection, order: Assign | Cancel | Offer) -> None:
    """Write down what we are about to send."""
    match order:
        case Assign(job=job):
            db.execute("INSERT INTO jobs (job, rev, station, body, wanted) VALUES (?,?,?,?,'packed') ON CONFLICT (job)"
                       " DO UPDATE SET rev=excluded.rev, station=excluded.station, body=excluded.body",
                       (job["job"], job["rev"], job["station"], json.dumps(job, ensure_ascii=False)))
        case Offer(job=job):
            db.execute("INSERT OR IGNORE INTO jobs (job, rev, station, body, wanted) VALUES (?,?,'',?,'packed')",
                       (job["job"], job["rev"], json.dumps(job, ensure_ascii=False)))
        case Cancel(job=job, rev=rev):
            db.execute("UPDATE jobs SET wanted='cancelled', rev=max(rev, ?) WHERE job=?", (rev, job))


def report(db: sqlite3.Connection) -> Json:
    """Return what an OMS database says, for people and audits."""
    parcels: dict[str, Json] = {}
    for (data,) in db.execute("SELECT facts.data FROM facts JOIN events USING (id) WHERE facts.kind='parcel'"
                              " ORDER BY events.rowid"):
        parcels[json.loads(data)["parcel"]] = json.loads(data)
    return {
        "jobs": {job: {"state": state, "code": code}
                 for job, state, code in db.execute("SELECT job, state, code FROM jobs")},
        "parcels": parcels,
        "stock": dict(db.execute("SELECT sku, moved FROM stock").fetchall()),
        "facts": dict(db.execute("SELECT kind, count(*) FROM facts GROUP BY 1").fetchall()),
        "copies": db.execute("SELECT coalesce(sum(copies - 1), 0) FROM events").fetchone()[0],
        "conflicts": [key for (key,) in db.execute("SELECT key FROM conflicts")],
    }


def wait_for(oms: ReferenceOms, done: Callable[[Json], bool], timeout_s: float) -> bool:
    """Return True as soon as `done(report)` holds, False when the time is over."""
    until_s = time.monotonic() + timeout_s
    while not (reached := done(oms.report())) and time.monotonic() < until_s:
        time.sleep(0.05)
    return reached


def _session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
    properties.SessionExpiryInterval = 24 * 3600
    properties.ReceiveMaximum = BATCH
    return properties


def _json(message: mqtt.MQTTMessage) -> Json:
    """Return the payload as an object; an empty one for what is none."""
    try:
        value = json.loads(message.payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _station_of(topic: str) -> str:
    return topic.split("/")[3]
