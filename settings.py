"""Where everything is and how to get in: addresses and secrets from the environment, and not one business number.

Every variable starts with `RUNBOOKS_`. A file of variables is read only when `RUNBOOKS_ENV_FILE` names it; beside a
running `runbooks up` its own addresses are found in `sandbox.json` below `RUNBOOKS_DATA`, so nothing need be set.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from billing.periods import known_zone

PREFIX = "RUNBOOKS_"
SANDBOX_FILE = "sandbox.json"
DEFAULT_DATA = Path(".runbooks")

# With one of these set somebody has chosen a stack; the sandbox's other half must not be mixed into it.
_CHOOSE_A_STACK = frozenset({"database_url", "temporal_address"})
# A choice of the person at the keyboard, never of the sandbox.
_PERSONAL = frozenset({"data", "operator_token"})

PORTAL_SECRET_CHARACTERS_MIN = 24

Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(Exception):
    """Variables are missing or wrong; the message has one line for each, with its purpose and an example, no value."""


class Settings(BaseSettings):
    """What `load_settings` found. Optional ones are demanded by whoever needs them, through `need`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    data: Path = Field(DEFAULT_DATA, description="the sandbox's data directory", examples=[".runbooks"])
    database_url: SecretStr | None = Field(
        None,
        description="the Postgres database of the books",
        examples=["postgresql://runbooks:PASSWORD@db.example:5432/runbooks"],
    )
    temporal_address: str = Field(
        "127.0.0.1:7233", description="the Temporal server's front end", examples=["temporal.example:7233"]
    )
    temporal_namespace: str = Field("default", description="the Temporal namespace", examples=["billing"])
    temporal_api_key: SecretStr | None = Field(
        None, description="the key of a hosted Temporal; turns TLS on", examples=["API-KEY"]
    )
    temporal_tls: bool = Field(False, description="whether Temporal is reached over TLS", examples=["true"])
    task_queue: str = Field("billing-runbooks", description="the queue the workers poll", examples=["billing-runbooks"])
    stripe_api_key: SecretStr | None = Field(None, description="the Stripe secret key", examples=["sk_test_..."])
    stripe_webhook_secret: SecretStr | None = Field(
        None,
        description="what Stripe signs events with, as the endpoint shows it; two, separated by a comma, while rotating",
        examples=["whsec_NEW,whsec_OLD"],
    )
    stripe_requests_a_second: Annotated[float, Field(gt=0, le=10_000)] = Field(
        25.0,
        description="how many requests a second Stripe allows the account in all: 25 in a sandbox, 100 live",
        examples=["100"],
    )
    stripe_api_base: str | None = Field(
        None, description="another address than Stripe's own, for a simulator", examples=["http://127.0.0.1:12111"]
    )
    smtp_host: str | None = Field(None, description="the mail server", examples=["smtp.example"])
    smtp_port: Port = Field(587, description="the mail server's port", examples=["587"])
    smtp_username: str | None = Field(None, description="the mail server's account", examples=["billing"])
    smtp_password: SecretStr | None = Field(None, description="the mail server's password", examples=["PASSWORD"])
    smtp_starttls: bool = Field(False, description="whether mail is sent over STARTTLS", examples=["true"])
    mail_from: str | None = Field(
        None, description="the sender of every letter", examples=["Billing <billing@company.example>"]
    )
    billing_portal_url: str | None = Field(
        None,
        description="where customers change how they pay, as letters name it",
        examples=["https://billing.stripe.com/p/login/YOURS"],
    )
    ticket_webhook_secret: SecretStr | None = Field(
        None,
        description="what the support desk signs tickets with; several, separated by commas, while rotating",
        examples=["NEW-SECRET,OLD-SECRET"],
    )
    portal_secret: SecretStr | None = Field(
        None,
        description="what links into the customers' portal are sealed with; several, separated by commas, while rotating",
        examples=["NEW-SECRET-OF-24-CHARACTERS-OR-MORE"],
    )
    usage_token: SecretStr | None = Field(
        None,
        description="what collectors send usage events with; several, separated by commas, while rotating",
        examples=["TOKEN-OF-24-CHARACTERS-OR-MORE"],
    )
    access_token: SecretStr | None = Field(
        None,
        description="what gateways ask with what a customer's service is limited to; several, separated by commas, "
        "while rotating",
        examples=["TOKEN-OF-24-CHARACTERS-OR-MORE"],
    )
    zendesk_webhook_secret: SecretStr | None = Field(
        None, description="the signing secret of the Zendesk webhook", examples=["SECRET"]
    )
    zendesk_url: str | None = Field(
        None, description="the Zendesk account that notes are written to", examples=["https://company.zendesk.com"]
    )
    zendesk_email: str | None = Field(None, description="the Zendesk agent's address", examples=["bot@company.example"])
    zendesk_api_token: SecretStr | None = Field(None, description="the Zendesk agent's token", examples=["TOKEN"])
    clickhouse_url: SecretStr | None = Field(
        None,
        description="the ClickHouse database that usage events live in, when they do not live in Postgres",
        examples=["https://runbooks:PASSWORD@clickhouse.example:8443/usage"],
    )
    evidence_dir: Path | None = Field(
        None, description="where evidence files are kept", examples=["/var/lib/runbooks/evidence"]
    )
    documents_dir: Path | None = Field(
        None, description="where printed documents are kept", examples=["/var/lib/runbooks/documents"]
    )
    speed: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1, description="divides every duration of the policy; for the sandbox only", examples=["10000"]
    )
    recovery_speed: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None,
        description="divides the durations of payment recovery in place of `RUNBOOKS_SPEED`; for the sandbox only",
        examples=["28800"],
    )
    zone: str = Field(
        "UTC", description="the time zone in which months end and schedules run", examples=["Europe/Berlin"]
    )
    api_host: str = Field("127.0.0.1", description="the address the HTTP API listens on", examples=["0.0.0.0"])  # noqa: S104 - an example
    api_port: Port = Field(8080, description="the port the HTTP API listens on", examples=["8080"])
    metrics_host: str = Field(
        "127.0.0.1",
        description="the address the worker's metrics are read at",
        examples=["0.0.0.0"],  # noqa: S104 - an example
    )
    metrics_port: Port = Field(9464, description="the port of the worker's metrics", examples=["9464"])
    public_url: str | None = Field(
        None, description="the API's address as others reach it", examples=["https://billing.company.example"]
    )
    operator_token: SecretStr | None = Field(
        None,
        description="your operator token, as `runbooks operators add` printed it",
        examples=["lead-1@ops.example:..."],
    )

    @field_validator("database_url")
    @classmethod
    def _postgres_only(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not url.get_secret_value().startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
            raise ValueError("must start with postgresql://")
        return url

    @field_validator("billing_portal_url")
    @classmethod
    def _an_address_to_open(cls, url: str | None) -> str | None:
        if url and not url.startswith(("https://", "http://")):
            raise ValueError("must start with https://")
        return url

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return known_zone(zone)

    @field_validator("portal_secret", "usage_token", "access_token")
    @classmethod
    def _not_to_be_guessed(cls, secret: SecretStr | None) -> SecretStr | None:
        # Whoever holds a link can try secrets on it at leisure.
        if secret and min(map(len, _each(secret)), default=0) < PORTAL_SECRET_CHARACTERS_MIN:
            raise ValueError(f"each secret needs {PORTAL_SECRET_CHARACTERS_MIN} characters or more")
        return secret

    @property
    def ticket_webhook_secrets(self) -> tuple[str, ...]:
        """Every secret in force, the newest first; none when tickets are not accepted over HTTP."""
        return _each(self.ticket_webhook_secret)

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        """Every secret in force, the newest first; none when events of Stripe are not accepted."""
        return _each(self.stripe_webhook_secret)

    @property
    def portal_secrets(self) -> tuple[str, ...]:
        """Every secret in force, the newest first; none when there is no portal."""
        return _each(self.portal_secret)

    @property
    def usage_tokens(self) -> tuple[str, ...]:
        """Every token in force, the newest first; none when usage is not accepted over HTTP."""
        return _each(self.usage_token)

    @property
    def access_tokens(self) -> tuple[str, ...]:
        """Every token in force, the newest first; none when gateways are not answered."""
        return _each(self.access_token)

    @property
    def evidence(self) -> Path:
        """Where evidence files are kept: the directory that was set, else `evidence` in the data directory."""
        return self.evidence_dir or self.data / "evidence"

    @property
    def documents(self) -> Path:
        """Where printed documents are kept: the directory that was set, else `documents` in the data directory."""
        return self.documents_dir or self.data / "documents"

    def need(self, *names: str) -> Self:
        """These same settings, once every named one is set; raises SettingsError with a line for each that is not."""
        missing = [name for name in names if getattr(self, name) is None]
        if missing:
            raise SettingsError("\n".join(_line(name, "is not set") for name in missing))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then the file that was asked for, then a sandbox that runs here."""
        return init_settings, env_settings, dotenv_settings, _RunningSandbox(settings_cls)


class _RunningSandbox(PydanticBaseSettingsSource):
    """The addresses that a running sandbox wrote into its data directory, by the names of the variables."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        if _CHOOSE_A_STACK & self.current_state.keys():
            return {}
        file = Path(self.current_state.get("data") or DEFAULT_DATA) / SANDBOX_FILE
        try:
            written = dict(json.loads(file.read_text())["settings"])
        except (OSError, ValueError, KeyError, TypeError):  # no sandbox here, or one that is only starting
            return {}
        found = {name.removeprefix(PREFIX).lower(): value for name, value in written.items()}
        return {name: value for name, value in found.items() if name not in _PERSONAL}


def load_settings(**chosen: object) -> Settings:
    """Read the settings; `chosen` are options of a command, such as `data=`, and win over the environment.

    Raises SettingsError with one line for each variable that cannot be used.
    """
    file = os.environ.get(f"{PREFIX}ENV_FILE")
    if file and not Path(file).is_file():
        raise SettingsError(f"{PREFIX}ENV_FILE names {file}, which is not a file: correct the path or unset it")
    given = {name: value for name, value in chosen.items() if value is not None}
    try:
        return Settings(_env_file=file, **given)  # type: ignore[arg-type] # pydantic-settings' own argument
    except ValidationError as error:
        flaws = {str(flaw["loc"][0]): flaw["msg"].removeprefix("Value error, ") for flaw in error.errors()}
        raise SettingsError("\n".join(_line(name, f"is not usable: {why}") for name, why in flaws.items())) from None


def _each(secret: SecretStr | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in secret.get_secret_value().split(",") if part.strip()) if secret else ()


def _line(name: str, what: str) -> str:
    field = Settings.model_fields[name]
    example = (field.examples or [""])[0]
    return f"{PREFIX}{name.upper()} {what} ({field.description}). Example: {PREFIX}{name.upper()}={example}"
