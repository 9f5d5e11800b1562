"""`python -m sandbox.sample_data`: fill the database and the provider that the settings name, a line of progress a step.

New operators' tokens are added to `operators.json` in the data directory, readable by its owner only.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from sandbox.sample_data.loading import Loaded, load
from settings import Settings, SettingsError, load_settings

OPERATORS_FILE = "operators.json"


def main() -> int:
    """Load, and keep the tokens; returns the exit code, 2 when a setting is missing."""
    try:
        settings = load_settings().need("database_url", "stripe_api_base", "stripe_api_key")
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    started = time.monotonic()
    loaded = _load(settings)
    keep_tokens(settings.data / OPERATORS_FILE, loaded.operator_tokens)
    _say(f"{_told(loaded)}, {time.monotonic() - started:.1f} s")
    return 0


def keep_tokens(file: Path, tokens: dict[str, str]) -> None:
    """Add tokens to the file, by operator id; whoever had one before keeps it unless there is a newer one."""
    if not tokens:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    known = json.loads(file.read_text() or "{}")
    file.write_text(json.dumps(known | tokens, indent=2, sort_keys=True) + "\n")


def _load(settings: Settings) -> Loaded:
    secrets = (settings.database_url, settings.stripe_api_key)
    database_url, stripe_key = (secret.get_secret_value() if secret else "" for secret in secrets)
    # Never Stripe's own address: sample customers belong to a simulator.
    return load(database_url, settings.stripe_api_base, stripe_key, _say)


def _told(loaded: Loaded) -> str:
    return (
        f"{loaded.tenants} tenants, {loaded.usage_events:,} usage events, {loaded.request_logs:,} logged requests, "
        f"{loaded.invoices} invoices ({loaded.mirrored_invoices} at Stripe)"
    )


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - the sandbox shows these lines while it starts


if __name__ == "__main__":
    sys.exit(main())
