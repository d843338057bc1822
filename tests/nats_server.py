"""A real nats-server that can be killed and started again under the same address."""

import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.real_parts import program

# Below the ports that clients are given: one that comes back must find its own free, and nobody may connect to itself.
PORTS = range(20_000, 30_000)
READY = b"Server is ready"
USER, PASSWORD = "switchboard", "a-password-for-the-bus"


class NatsServer:
    def __init__(self) -> None:
        self._program = program("nats-server")
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"nats://{USER}:{PASSWORD}@127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns when it takes connections."""
        command = [self._program, "--addr", "127.0.0.1", "--port", str(self._port), "--user", USER, "--pass", PASSWORD]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if READY in line:
                return
        raise AssertionError(f"nats-server did not start: {said}")

    def kill(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def freeze(self) -> None:
        """It holds its connections and answers nobody, until `thaw` or `kill`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)


def free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


@contextmanager
def nats_server() -> Iterator[NatsServer]:
    """Running; killed at the end."""
    server = NatsServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()
