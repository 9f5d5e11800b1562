"""What may be set from outside, and how a mistake there is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from settings import Settings, SettingsError, load_settings

DATABASE = "postgresql://runbooks:hush@db.example/runbooks"


@pytest.fixture(autouse=True)
def a_bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RUNBOOKS_{name.upper()}", raising=False)
    monkeypatch.delenv("RUNBOOKS_ENV_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


def a_sandbox_runs_in(data: Path, **settings: str) -> None:
    data.mkdir(parents=True)
    (data / "sandbox.json").write_text(json.dumps({"pid": 1, "settings": settings}))


def test_a_missing_variable_is_named_with_its_purpose_and_an_example() -> None:
    settings = load_settings()

    with pytest.raises(SettingsError) as refusal:
        settings.need("database_url", "temporal_address", "stripe_api_key")

    first, second = str(refusal.value).splitlines()
    assert first.startswith("RUNBOOKS_DATABASE_URL is not set (the Postgres database of the books). Example: ")
    assert second == (
        "RUNBOOKS_STRIPE_API_KEY is not set (the Stripe secret key). Example: RUNBOOKS_STRIPE_API_KEY=sk_test_..."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://root:hush@db/x"),
        ("SPEED", "fast"),
        ("SPEED", "0"),
        ("API_PORT", "70000"),
        ("BILLING_PORTAL_URL", "billing.example/pay"),
        ("PORTAL_SECRET", "hush"),
        ("PORTAL_SECRET", "a-secret-that-is-long-enough,hush"),
        ("PORTAL_SECRET", ","),
    ],
)
def test_a_wrong_variable_is_one_line_that_does_not_repeat_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"RUNBOOKS_{name}", value)

    with pytest.raises(SettingsError) as refusal:
        load_settings()

    assert str(refusal.value).startswith(f"RUNBOOKS_{name} is not usable: ")
    assert "\n" not in str(refusal.value)
    assert "hush" not in str(refusal.value)


def test_secrets_are_not_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOKS_DATABASE_URL", DATABASE)
    monkeypatch.setenv("RUNBOOKS_TICKET_WEBHOOK_SECRET", "hush-new, hush-old")

    settings = load_settings()

    assert "hush" not in repr(settings)
    assert settings.ticket_webhook_secrets == ("hush-new", "hush-old")


def test_a_running_sandbox_is_found_without_any_variable(tmp_path: Path) -> None:
    a_sandbox_runs_in(
        tmp_path / ".runbooks", RUNBOOKS_DATABASE_URL=DATABASE, RUNBOOKS_TEMPORAL_ADDRESS="127.0.0.1:7300"
    )

    settings = load_settings().need("database_url")

    assert settings.temporal_address == "127.0.0.1:7300"


def test_a_sandbox_elsewhere_is_found_by_its_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    a_sandbox_runs_in(tmp_path / "here", RUNBOOKS_TEMPORAL_ADDRESS="127.0.0.1:7301")
    a_sandbox_runs_in(tmp_path / "there", RUNBOOKS_TEMPORAL_ADDRESS="127.0.0.1:7302")
    monkeypatch.setenv("RUNBOOKS_DATA", str(tmp_path / "here"))

    assert load_settings().temporal_address == "127.0.0.1:7301"
    assert load_settings(data=tmp_path / "there").temporal_address == "127.0.0.1:7302"


def test_who_chose_a_database_never_gets_the_other_half_of_a_sandbox(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    a_sandbox_runs_in(tmp_path / ".runbooks", RUNBOOKS_TEMPORAL_ADDRESS="127.0.0.1:7300", RUNBOOKS_SPEED="10000")
    monkeypatch.setenv("RUNBOOKS_DATABASE_URL", DATABASE)

    settings = load_settings()

    assert settings.temporal_address == "127.0.0.1:7233"
    assert settings.speed == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"settings": 3}', '{"pid": 1}'])
def test_a_torn_sandbox_file_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / ".runbooks").mkdir()
    (tmp_path / ".runbooks" / "sandbox.json").write_text(content)

    assert load_settings().database_url is None


def test_a_file_of_variables_is_read_only_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RUNBOOKS_SPEED=7\n")

    before = load_settings()
    monkeypatch.setenv("RUNBOOKS_ENV_FILE", ".env")

    assert before.speed == 1
    assert load_settings().speed == 7


def test_a_file_of_variables_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOKS_ENV_FILE", "nowhere.env")

    with pytest.raises(SettingsError, match=r"RUNBOOKS_ENV_FILE names nowhere\.env, which is not a file"):
        load_settings()
