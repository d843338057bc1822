"""`.env.example` documents every setting, with its default."""

from pathlib import Path

from app.core.config import Settings

EXAMPLE = Path(__file__).parents[3] / ".env.example"


def documented() -> dict[str, str]:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def variable(name: str) -> str:
    return str(Settings.model_fields[name].validation_alias or f"SWITCHBOARD_{name.upper()}")


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(documented()) == {variable(name) for name in Settings.model_fields}


def test_the_values_shown_are_the_defaults() -> None:
    shown = Settings(_env_file=EXAMPLE)  # type: ignore[call-arg]
    for name, field in Settings.model_fields.items():
        assert getattr(shown, name) == field.default, f"{variable(name)} is shown with another value"
