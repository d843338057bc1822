"""Two api and two worker processes behind nginx with the configuration we ship, as deploy/compose.yaml runs them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.ops.supervisor import Child, stop_all
from tests.forked import ForkedChild
from tests.nats_server import free_port
from tests.real_parts import program
from tests.simulation.cluster import SECRET_KEY

ROOT = Path(__file__).parents[2]
PLACES = ("172.30.77.11:8080", "172.30.77.12:8080")


@dataclass(frozen=True, slots=True)
class Fleet:
    apis: Sequence[Child]
    workers: Sequence[Child]
    proxy: Child
    api_urls: list[str]
    url: str
    """The proxy's."""

    def start(self) -> None:
        for child in (*self.apis, *self.workers, self.proxy):
            child.start()


@contextmanager
def fleet(database_url: str, folder: Path, *, bus_url: str = "") -> Iterator[Fleet]:
    """Not started yet; whatever runs at the end is stopped. An api that restarts refuses connections meanwhile."""
    ports, plain = [free_port(), free_port()], free_port()
    common = {
        **os.environ,
        "DATABASE_URL": database_url,
        "SWITCHBOARD_BUS_URL": bus_url,
        "SWITCHBOARD_SECRET_KEY": SECRET_KEY,
        "SWITCHBOARD_DATA_DIR": str(folder),
        "SWITCHBOARD_TRUSTED_PROXIES": "127.0.0.1",
    }
    command = [sys.executable, "-m", "app.cli"]
    apis = [
        ForkedChild(f"api{port}", [*command, "api"], {**common, "PORT": str(port)}, folder / f"api{port}.log")
        for port in ports
    ]
    workers = [ForkedChild(f"worker{n}", [*command, "worker"], common, folder / f"worker{n}.log") for n in (1, 2)]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    configuration = folder / "nginx.conf"
    configuration.write_text(configuration_here(folder, api_ports=ports, plain=plain, secure=None))
    proxy = Child("nginx", [*nginx(configuration), "-g", "daemon off;"], dict(os.environ), folder / "nginx.log")
    try:
        yield Fleet(apis, workers, proxy, urls, f"http://127.0.0.1:{plain}")
    finally:
        stop_all([*apis, *workers, proxy])


def nginx(configuration: Path) -> list[str]:
    return [program("nginx"), "-c", str(configuration), "-e", "stderr"]


def configuration_here(folder: Path, *, api_ports: list[int], plain: int, secure: int | None) -> str:
    """deploy/nginx.conf with this machine's addresses and nothing else changed.

    Without `secure` the server that speaks TLS speaks plainly at `plain`, and the one that redirects to it is left out.
    """
    text = (ROOT / "deploy/nginx.conf").read_text()
    for place, port in zip(PLACES, api_ports, strict=True):
        text = replaced(text, place, f"127.0.0.1:{port}")
    if secure is None:
        text = re.sub(r"    server \{\n        # The proxy's own health.*?\n    \}\n", "", text, flags=re.DOTALL)
        text = replaced(text, "listen 8443 ssl;", f"listen 127.0.0.1:{plain};")
        text = re.sub(r" +ssl_.*;\n", "", text)
    else:
        text = replaced(text, "listen 8443 ssl;", f"listen 127.0.0.1:{secure} ssl;")
        text = replaced(text, "listen 8080;", f"listen 127.0.0.1:{plain};")
    text = text.replace("/tmp/", f"{folder}/nginx-").replace("/run/secrets/", f"{folder}/")
    # Started by root, nginx would go over to a user who may not enter the test's folder.
    return ("user root;\n" if os.geteuid() == 0 else "") + text


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"deploy/nginx.conf says {old!r} {text.count(old)} times"
    return text.replace(old, new)


def make_certificate(folder: Path) -> None:
    """One for this machine under the names of the secrets, signed by itself."""
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1",
         "-keyout", str(folder / "tls_key"), "-out", str(folder / "tls_certificate")],
        check=True, capture_output=True,
    )  # fmt: skip
