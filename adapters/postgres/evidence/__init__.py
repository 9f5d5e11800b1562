"""The evidence room: raw usage as files with fingerprints, and as typed facts computed set-wise in SQL (D4, D5)."""

from __future__ import annotations

from adapters.postgres.evidence.room import PostgresEvidenceRoom

__all__ = ["PostgresEvidenceRoom"]
