"""A load that is killed at any moment leaves whole blocks, and the same file goes on where it stood."""

from __future__ import annotations

import subprocess
import sys

import pytest

from adapters.usage_files import lines
from tests.adapters.postgres.usage_intake.collector import Collector, events

LOADING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from adapters.postgres.engine import open_engine
from adapters.postgres.usage_intake import UsageIntake
from adapters.usage_files import lines, open_usage_file
from billing.policy.standard import USAGE_INTAKE

lines.BLOCK_BYTES = 2_000
intake = UsageIntake(open_engine(sys.argv[1]), USAGE_INTAKE, lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))
intake.load(open_usage_file(Path(sys.argv[2])), "engineering-1", lambda report: print(report.position, flush=True))
"""


def test_a_load_that_was_killed_goes_on_and_stores_every_event_once(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collector.file(events(2_000))
    url = collector.engine.url.render_as_string(hide_password=False)

    left: list[int] = []
    for reached in (150, 600):
        load = subprocess.Popen([sys.executable, "-c", LOADING, url, str(path)], stdout=subprocess.PIPE, text=True)
        assert load.stdout is not None
        with load.stdout:
            while int(next(load.stdout)) < reached:
                pass
            load.kill()
        load.wait()
        left.append(collector.stored())
    monkeypatch.setattr(lines, "BLOCK_BYTES", 20_000)
    report = collector.loads(path)

    assert 150 <= left[0] < left[1] < 2_000
    assert (report.stored, report.known, report.quarantined, report.done) == (2_000, 0, 0, True)
    assert collector.stored() == 2_000
