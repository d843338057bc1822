"""deploy/nginx.conf in a real nginx: TLS, whose address counts, what is not shown."""

import os
import ssl
import subprocess
from pathlib import Path

import httpx
from sqlalchemy import text

from app.access.throttle import address_key
from app.core.database import Database
from app.ops.supervisor import Child, stop_all
from tests.conftest import fresh_clone
from tests.journeys.fleet import configuration_here, make_certificate, nginx
from tests.journeys.processes import processes
from tests.nats_server import free_port
from tests.simulation.hand import is_ready

FORGED = "203.0.113.7"


async def test_the_proxy_speaks_tls_says_itself_who_asks_and_shows_no_metrics(
    postgres: str, template_database: str, tmp_path: Path
) -> None:
    make_certificate(tmp_path)
    plain, secure = free_port(), free_port()
    async with fresh_clone(postgres, template_database) as database_url:
        with processes(database_url, tmp_path, SWITCHBOARD_TRUSTED_PROXIES="127.0.0.1") as served:
            api_port = int(served.url.rpartition(":")[2])
            configuration = tmp_path / "nginx.conf"
            configuration.write_text(
                configuration_here(tmp_path, api_ports=[api_port, api_port], plain=plain, secure=secure)
            )
            tested = subprocess.run([*nginx(configuration), "-t"], capture_output=True, text=True, check=False)
            assert (tested.returncode, "[warn]" in tested.stderr) == (0, False), tested.stderr
            served.api.start()
            await served.ready()
            proxy = Child("nginx", [*nginx(configuration), "-g", "daemon off;"], os.environ, tmp_path / "nginx.log")
            proxy.start()
            try:
                await is_ready(f"http://127.0.0.1:{plain}", "/proxy-health")
                await look_through(f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{plain}", tmp_path)
            finally:
                stop_all([proxy])
        assert await addresses_counted(database_url) == {address_key("127.0.0.1")}
    log = proxy.log.read_text()
    assert "POST /v1/session 401" in log
    assert "permission" not in log, "links to files carry theirs in the query"


async def look_through(secure: str, plain: str, folder: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(folder / "tls_certificate"))
    async with httpx.AsyncClient(base_url=secure, verify=trusting) as http:
        guess = {"login": "nobody", "password": "guessed"}
        answer = await http.post("/v1/session", json=guess, headers={"X-Forwarded-For": FORGED})
        assert answer.status_code == 401
        assert (await http.get("/metrics")).status_code == 404
        assert (await http.get("/healthz?permission=secret")).status_code == 200
        moved = await http.get(f"{plain}/console?x=1")
        assert (moved.status_code, moved.headers["location"]) == (301, "https://127.0.0.1/console?x=1")


async def addresses_counted(database_url: str) -> set[str]:
    database = Database(database_url, application_name="journey", pool_size=2)
    async with database.transaction() as session:
        keys = set((await session.execute(text("SELECT key FROM login_throttle"))).scalars())
    await database.close()
    return {key for key in keys if key.startswith("address:")}
