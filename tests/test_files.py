"""Files of papers come by HTTPS from allowed hosts, are what the job names, and stay; one that can't is told."""

from __future__ import annotations

import hashlib
import http.server
import queue
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from agent.link.files import PaperFiles, kept_file
from agent.station.values import Paper, PaperFile
from tests.test_link import certificate_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.station.events import FileFailed

LABEL = b"%PDF-1.4 a label" * 100


class Shop(http.server.BaseHTTPRequestHandler):
    """Serves one label, an error, and one label after two errors."""

    failures = 0

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/label")
            self.end_headers()
        elif self.path == "/gone" or (self.path == "/moody" and self._is_moody()):
            self.send_error(404 if self.path == "/gone" else 503)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(LABEL)

    def _is_moody(self) -> bool:
        Shop.failures += 1
        return Shop.failures <= 2

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 (the library's own word)
        pass


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    certificate, key = certificate_for("127.0.0.1", (-1, 1), tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    Shop.failures = 0
    yield f"https://127.0.0.1:{server.server_port}", ssl.create_default_context(cafile=certificate)
    server.shutdown()
    server.server_close()
    thread.join()


def paper(url: str, content: bytes = LABEL) -> Paper:
    return Paper(id="label", role="label",
                 file=PaperFile(url=url, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content)))


class Fetched:
    def __init__(self, folder: Path, context: ssl.SSLContext, hosts: tuple[str, ...] = ("127.0.0.1",)) -> None:
        self.failed: queue.SimpleQueue[FileFailed] = queue.SimpleQueue()
        self.folder = folder / "files"
        self.files = PaperFiles(self.folder, hosts, self.failed.put, now_ms=lambda: 0, context=context,
                                waits_s=(0.01, 0.01, 0.01))

    def failure(self, wanted: Paper) -> str:
        self.files.want("J-1", 1, [wanted])
        code = self.failed.get(timeout=10).code
        self.files.stop()
        return code


@pytest.mark.parametrize("path", ["/label", "/moody"])
def test_a_file_is_fetched_checked_and_kept_also_after_errors(
        shop: tuple[str, ssl.SSLContext], tmp_path: Path, path: str) -> None:
    url, context = shop
    fetched = Fetched(tmp_path, context)
    wanted = paper(url + path)
    fetched.files.want("J-1", 1, [wanted])
    assert fetched.failure(paper(url + "/gone", b"another")) == "paper.file-refused"  # the one before it is done then
    assert kept_file(fetched.folder, wanted) == LABEL


@pytest.mark.parametrize(("path", "content", "code"), [
    ("/gone", LABEL, "paper.file-refused"),
    ("/moved", LABEL, "paper.file-refused"),
    ("/label", LABEL[:-1] + b"x", "paper.file-differs"),
    ("/label", LABEL[:-1], "paper.file-too-large"),
])
def test_what_is_not_the_file_that_the_job_names_is_told_and_not_kept(
        shop: tuple[str, ssl.SSLContext], tmp_path: Path, path: str, content: bytes, code: str) -> None:
    url, context = shop
    fetched = Fetched(tmp_path, context)
    wanted = paper(url + path, content)
    assert fetched.failure(wanted) == code
    assert kept_file(fetched.folder, wanted) == b""


@pytest.mark.parametrize("url", ["https://[oops/", "https://127.0.0.1:99999/label", "https://"])
def test_an_address_that_is_none_is_told_and_ends_no_thread(
        shop: tuple[str, ssl.SSLContext], tmp_path: Path, url: str) -> None:
    assert Fetched(tmp_path, shop[1]).failure(paper(url)) == "paper.host-not-allowed"


def test_a_host_outside_the_list_is_never_asked(shop: tuple[str, ssl.SSLContext], tmp_path: Path) -> None:
    url, context = shop
    assert Fetched(tmp_path, context, ("labels.example",)).failure(paper(url + "/label")) == "paper.host-not-allowed"


def test_a_server_without_our_trust_is_told_as_unreachable(shop: tuple[str, ssl.SSLContext], tmp_path: Path) -> None:
    url, _ = shop
    fetched = Fetched(tmp_path, ssl.create_default_context())
    assert fetched.failure(paper(url + "/label")) == "paper.file-unreachable"
