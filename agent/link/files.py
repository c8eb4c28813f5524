"""Files of papers: fetched by HTTPS from allowed hosts when a job comes, checked, and kept, so that they print offline.

One thread fetches one file at a time. A file that can't come is told with a code; other jobs go on meanwhile.
"""

from __future__ import annotations

import hashlib
import http.client
import queue
import ssl
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import UNSET

from agent.station.events import FileFailed, JobAssigned, LabelArrived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from agent.station.events import Event
    from agent.station.values import Paper, PaperFile

FILES = "files"  # the folder below the state directory
TIMEOUT_S = 15.0
WAITS_S = (2.0, 10.0, 60.0)  # before the second, third and fourth attempt
CHUNK = 65_536


class FileError(Exception):
    """A file can't be had: stable code, what was seen; `again` says that another attempt may help."""

    def __init__(self, code: str, detail: str, *, again: bool) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.again = again


class PaperFiles:
    """The kept files of one station, named by their SHA-256, and the thread that fetches them."""

    def __init__(
        self, directory: Path, hosts: Iterable[str], inbox: Callable[[FileFailed], None], *, now_ms: Callable[[], int],
        context: ssl.SSLContext | None = None, waits_s: tuple[float, ...] = WAITS_S,
    ) -> None:
        self._directory = directory
        self.allow(hosts)
        self._inbox = inbox
        self._now_ms = now_ms
        self._context = context or ssl.create_default_context()
        self._waits_s = waits_s
        self._wanted: queue.SimpleQueue[tuple[str, int, PaperFile] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="files", daemon=True)

    def allow(self, hosts: Iterable[str]) -> None:
        """Fetch from these hosts alone from now on."""
        self._hosts = frozenset(hosts)

    def want(self, job: str, rev: int, papers: Iterable[Paper]) -> None:
        """Fetch the files of these papers that are not kept yet; the thread starts with the first of them."""
        for paper in papers:
            file = paper.file
            if file is not UNSET and file.url is not UNSET and file.sha256 is not UNSET \
                    and not (self._directory / file.sha256).exists():
                if not self._thread.is_alive():
                    self._directory.mkdir(parents=True, exist_ok=True)
                    self._thread.start()
                self._wanted.put((job, rev, file))

    def notice(self, event: Event) -> None:
        """Fetch what an event that is on the disk now brought: a job's papers, or those of one parcel."""
        match event:
            case JobAssigned():
                self.want(event.job.job, event.job.rev, event.job.papers)
            case LabelArrived():
                self.want(event.parcel.rpartition("/")[0], event.rev, event.papers)
            case _:
                pass

    def stop(self) -> None:
        """End the thread; a file that is half there is fetched again in the next life."""
        self._stopping.set()
        self._wanted.put(None)

    def _live(self) -> None:
        while (wanted := self._wanted.get()) is not None and not self._stopping.is_set():
            job, rev, file = wanted
            try:
                self._fetch_patiently(file)
            except FileError as error:
                self._inbox(FileFailed(at_ms=self._now_ms(), job=job, rev=rev, code=error.code, detail=error.detail))

    def _fetch_patiently(self, file: PaperFile) -> None:
        for wait_s in (*self._waits_s, None):
            try:
                self._fetch(file)
            except FileError as error:
                if wait_s is None or not error.again:
                    raise
                self._stopping.wait(wait_s)
            else:
                return

    def _fetch(self, file: PaperFile) -> None:
        """Fetch one file into its place. Raises FileError."""
        assert file.url is not UNSET  # noqa: S101 (`want` takes no others)
        assert file.sha256 is not UNSET  # noqa: S101 (as above)
        target = self._directory / file.sha256
        if target.exists():
            return
        host = host_of(file.url)
        if host not in self._hosts:
            raise FileError("paper.host-not-allowed", f"{host or file.url!r} is not in the settings.", again=False)
        limit = 0 if file.bytes is UNSET else file.bytes
        content = download(file.url, limit, self._context)
        if hashlib.sha256(content).hexdigest() != file.sha256 or len(content) != limit:
            raise FileError("paper.file-differs", f"{file.url} is not the file that the job names.", again=False)
        part = target.with_suffix(".part")
        try:
            part.write_bytes(content)
            part.replace(target)
        except OSError as error:
            raise FileError("paper.file-not-kept", f"{target}: {error.strerror}.", again=True) from error


def host_of(url: str) -> str:
    """Return the host of an HTTPS address, or an empty text for what is none.

    >>> host_of("https://labels.example/a?b"), host_of("https://[oops/"), host_of("https://x:99999/")
    ('labels.example', '', '')
    """
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.port is None or parts.port else ""
    except ValueError:
        return ""


def download(url: str, limit: int, context: ssl.SSLContext) -> bytes:
    """Return what is at an HTTPS address, at most `limit` bytes and within a minute. Raises FileError.

    A redirect is not followed: it would leave the list of allowed hosts.
    """
    parts = urlsplit(url)
    until_s = time.monotonic() + 60.0
    connection = http.client.HTTPSConnection(parts.hostname or "", parts.port or 443, timeout=TIMEOUT_S,
                                             context=context)
    try:
        connection.request("GET", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}")
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise FileError("paper.file-refused", f"{url} answers {answer.status}.", again=answer.status >= 500)
        content = b""
        while chunk := answer.read(CHUNK):
            content += chunk
            if len(content) > limit:
                raise FileError("paper.file-too-large", f"{url} is larger than the job says.", again=False)
            if time.monotonic() > until_s:
                raise FileError("paper.file-unreachable", f"{url} takes more than a minute.", again=True)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FileError("paper.file-unreachable", f"{url}: {error}.", again=True) from error
    finally:
        connection.close()
    return content


def kept_file(directory: Path, paper: Paper) -> bytes:
    """Return the kept file of a paper; empty when it has none or it did not come."""
    file = paper.file
    if file is UNSET or file.sha256 is UNSET:
        return b""
    try:
        content = (directory / file.sha256).read_bytes()
    except OSError:
        return b""
    return content if hashlib.sha256(content).hexdigest() == file.sha256 else b""
