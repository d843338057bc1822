"""The command line. Each command parses its options and calls one function; long imports wait until it is chosen."""

import asyncio
import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.core.config import Settings

cli = typer.Typer(
    help="Switchboard, the open contact-centre backend.", no_args_is_help=True, pretty_exceptions_enable=False
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document; everything else goes to stderr.")]


@cli.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Load an organisation to play with.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for everything.  [default: .switchboard]")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.  [default: 8080]")] = None,
    as_json: AsJson = False,
) -> None:
    """Start everything on this machine: PostgreSQL (unless DATABASE_URL is set), api and worker."""
    from app.ops import up as program

    settings = program.with_options(Settings(), data_dir=data_dir, host=host, port=port)
    raise typer.Exit(program.up(settings, demo=demo, as_json=as_json))


@cli.command()
def api(listen_fd: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Serve the HTTP API, the sockets and the pages. Needs DATABASE_URL and SWITCHBOARD_SECRET_KEY."""
    from app.ops.serve import serve

    settings = Settings()
    _configure_logs(settings)
    serve(settings, listen_fd=listen_fd)


@cli.command()
def worker() -> None:
    """Do the background work: consumers, timers, deliveries. Needs DATABASE_URL and SWITCHBOARD_SECRET_KEY."""
    _configure_logs(Settings())
    # By name: the three ways in load one another's modules only when asked for.
    importlib.import_module("app.worker").main()


@cli.command()
def migrate() -> None:
    """Bring the database's schema up to date. Safe to run from several machines at once."""
    from app.ops import migrate as program

    asyncio.run(program.upgrade(_database_url()))
    typer.echo(f"The schema is at {program.head()}.", err=True)


@cli.command()
def doctor(as_json: AsJson = False) -> None:
    """Check the database, its settings, the schema, the disk, the secret key and the clock."""
    from app.ops import doctor as program

    findings = asyncio.run(program.examine(Settings()))
    if as_json:
        _print_json({"ok": program.is_healthy(findings), "checks": [finding.as_dict() for finding in findings]})
    else:
        typer.echo(program.as_text(findings))
    raise typer.Exit(0 if program.is_healthy(findings) else 1)


def _configure_logs(settings: Settings) -> None:
    from app.core import logs

    logs.configure(settings.log_level, settings.log_format)


def _database_url() -> str:
    from app.ops import data_folder

    if url := data_folder.database_url(Settings()):
        return url
    typer.echo("Set DATABASE_URL to the address of a PostgreSQL 15 or newer, or run beside `up`.", err=True)
    raise typer.Exit(2)


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False))


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
