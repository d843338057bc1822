"""The command line. Each command parses its options and calls one function; long imports wait until it is chosen."""

import asyncio
import importlib
import json
from pathlib import Path
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
from pydantic import ValidationError

from app.core.config import Settings
from app.ops import data_folder

cli = typer.Typer(
    help="Switchboard, the open contact-centre backend.", no_args_is_help=True, pretty_exceptions_enable=False
)
LanguageOption = Annotated[str, typer.Option(help="en or zh-CN.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document; everything else goes to stderr.")]


@cli.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Load an organisation to play with.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for everything.  [default: .switchboard]")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.  [default: 8080]")] = None,
    customers_per_minute: Annotated[
        float,
        typer.Option(help="With --demo: simulated customers who begin to write, a minute.", min=0),
    ] = 2,
    as_json: AsJson = False,
) -> None:
    """Start everything on this machine: PostgreSQL (unless DATABASE_URL is set), api and worker."""
    from app.ops import up as program

    settings = program.with_options(_settings(), data_dir=data_dir, host=host, port=port)
    _refuse_untraceable(settings)
    raise typer.Exit(program.up(settings, demo=demo, customers_per_minute=customers_per_minute, as_json=as_json))


@cli.command()
def api(listen_fd: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Serve the HTTP API, the sockets and the pages. Needs DATABASE_URL and SWITCHBOARD_SECRET_KEY."""
    from app.ops.serve import serve

    settings = _settings_of_a_process()
    _refuse_older_schema(settings)
    serve(settings, listen_fd=listen_fd)


@cli.command()
def worker() -> None:
    """Do the background work: consumers, timers, deliveries. Needs DATABASE_URL and SWITCHBOARD_SECRET_KEY."""
    _refuse_older_schema(_settings_of_a_process())
    # By name: the three ways in load one another's modules only when asked for.
    importlib.import_module("app.worker").main()


@cli.command()
def migrate() -> None:
    """Bring the database's schema up to date. Safe to run from several machines at once."""
    from app.ops import migrate as program

    try:
        asyncio.run(program.upgrade(_database_url()))
    except program.MigrationFailedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"The schema is at {program.head()}.", err=True)


@cli.command()
def doctor(as_json: AsJson = False) -> None:
    """Check the database, its settings, the schema, the disk, the secret key and the clock."""
    from app.ops import doctor as program

    findings = asyncio.run(program.examine(_settings()))
    if as_json:
        _print_json({"ok": program.is_healthy(findings), "checks": [finding.as_dict() for finding in findings]})
    else:
        typer.echo(program.as_text(findings))
    raise typer.Exit(0 if program.is_healthy(findings) else 1)


@cli.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is kept how long, and drop the months of the event log that are over. The worker does it every hour."""
    from app.core import logs
    from app.ops import retention as program

    settings = _settings()
    logs.configure(settings.log_level, settings.log_format)
    report = asyncio.run(program.run(settings, _database_url(), dry_run=dry_run))
    if as_json:
        _print_json(report.as_dict())
    else:
        typer.echo(report.as_text())


@cli.command()
def probe(
    url: Annotated[str, typer.Argument(help="Address of the installation, such as http://127.0.0.1:8080")],
    key: Annotated[str | None, typer.Option(help="API key; found by itself beside a running `up`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make one round trip as a synthetic customer and agent, and print how long each leg took."""
    from app.ops import probe as program

    found = key or data_folder.find_probe_key(_settings().data_dir)
    if found is None:
        _refuse(f"Give an API key with --key; it needs the scopes {', '.join(program.SCOPES)}.")
    report = asyncio.run(program.probe(url, found))
    if as_json:
        _print_json(report.as_dict())
    else:
        typer.echo(report.as_text())
    raise typer.Exit(0 if report.ok else 1)


@cli.command(hidden=True)
def play_customers(url: str, keys: list[str], per_minute: Annotated[float, typer.Option(min=0.01)] = 2) -> None:
    """Simulated customers; `up --demo` starts this."""
    from app.core import logs
    from app.ops import demo_customers as program

    settings = _settings()
    logs.configure(settings.log_level, settings.log_format)
    asyncio.run(program.play(url, keys, per_minute=per_minute))


@cli.command()
def bench(
    name: Annotated[str, typer.Argument(help="ingest, push, fanout, lists, routing or sla; see docs/performance.md.")],
    seconds: Annotated[float, typer.Option(help="How long to measure; setting up comes on top.", min=5)] = 60,
    as_json: AsJson = False,
) -> None:
    """Measure the product beside its limits, on a database of its own. Exits with 1 when a must line is missed."""
    from app.ops import bench as program

    if name not in program.NAMES:
        _refuse(f"There is no bench {name!r}: choose one of {', '.join(program.NAMES)}.")
    raise typer.Exit(program.run(name, seconds=seconds, as_json=as_json))


@cli.command()
def simulate(
    file: Annotated[Path, typer.Argument(help="The scenario, JSON.")],
    compare: Annotated[Path | None, typer.Option(help="Another scenario to run beside it.")] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="Run FILE under this policy; one is compared with the file's own, several with one another."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with charts here.")] = None,
    language: LanguageOption = "en",
    as_json: AsJson = False,
) -> None:
    """Run a scenario of queues, agents and customers through the router's own engine, or compare several."""
    from app.ops import simulate as program

    raise typer.Exit(
        program.run(file, as_json, compare=compare, policies=policy or (), html=html, language=_language(language))
    )


@cli.command()
def explain(
    conversation: Annotated[str, typer.Argument(help="The conversation's id.")],
    language: LanguageOption = "en",
    as_json: AsJson = False,
) -> None:
    """Say in a supervisor's words why a conversation is where it is, and who could take it now."""
    from app.ops import explain as program

    settings, chosen = _settings(), _language(language)
    try:
        conversation_id = UUID(conversation)
    except ValueError:
        _refuse(f"{conversation!r} is no conversation's id: it looks like 019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10.")
    answering = program.run(
        _database_url(), conversation_id, language=chosen, timezone=settings.timezone, as_json=as_json
    )
    raise typer.Exit(asyncio.run(answering))


@cli.command()
def sla(file: Path, as_json: AsJson = False) -> None:
    """Say what the SLA clocks of the cases in FILE show. docs/sla.md has the format."""
    from app.ops import sla as program

    raise typer.Exit(program.run(file, as_json=as_json))


@cli.command("sla-check")
def sla_check(
    conversation: Annotated[UUID | None, typer.Argument(help="Only this one; all when left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold the stored SLA clocks against the whole history. Exits with 1 when one differs."""
    from app.ops import sla_check as program

    url = _database_url()
    raise typer.Exit(asyncio.run(program.run(url, conversation_id=conversation, as_json=as_json)))


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        for each in error.errors(include_url=False):
            typer.echo(f"{'.'.join(map(str, each['loc']))}: {each['msg']}", err=True)
        _refuse("The settings above cannot be used; .env.example explains each.")


def _settings_of_a_process() -> Settings:
    """Settings fit for `api` and `worker`, with the logs set up; exits with 2 and a sentence when they are not."""
    from app.core import logs

    settings = _settings()
    if not settings.database_url:
        _refuse("Set DATABASE_URL to the address of a PostgreSQL 15 or newer; `switchboard up` brings its own.")
    if len(settings.secret_key.get_secret_value()) < data_folder.SECRET_KEY_MIN_CHARACTERS:
        _refuse(f"Set SWITCHBOARD_SECRET_KEY to {data_folder.SECRET_KEY_MIN_CHARACTERS} or more random characters.")
    _refuse_untraceable(settings)
    logs.configure(settings.log_level, settings.log_format)
    return settings


def _refuse_untraceable(settings: Settings) -> None:
    from app.core import tracing

    if trouble := tracing.find_trouble(settings):
        _refuse(trouble)


def _refuse_older_schema(settings: Settings) -> None:
    """The process asks again itself; here it is a sentence. One that does not answer is the process's own case."""
    from sqlalchemy.exc import DBAPIError

    from app.core.errors import Unavailable
    from app.ops import migrate as program

    try:
        asyncio.run(program.refuse_older_schema(settings.database_url))
    except Unavailable as error:
        typer.echo(error.detail, err=True)
        raise typer.Exit(1) from error
    except (OSError, DBAPIError):
        return


def _database_url() -> str:
    url = data_folder.database_url(_settings())
    if not url:
        _refuse("Set DATABASE_URL to the address of a PostgreSQL 15 or newer, or run beside `switchboard up`.")
    return url


def _language(asked: str) -> str:
    from app.ops.words import LANGUAGES

    if asked not in LANGUAGES:
        _refuse(f"There is no language {asked!r}: choose one of {', '.join(LANGUAGES)}.")
    return asked


def _refuse(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(2)


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False))


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
