"""A Postgres server of our own on a loopback port: made on the first start, and the same data at the next one.

It needs no installation, no account and no rights: as root it runs as `nobody` (Postgres refuses root), and nothing
outside its home is changed.
"""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from sandbox.ports import LOOPBACK, free_port
from sandbox.postgres_binaries import Binaries, PostgresError, RunAs, can_enter, find_binaries, run_as
from sandbox.processes import die_with_parent

__all__ = ["PostgresError", "PostgresServer", "is_served"]

SUPERUSER = "postgres"
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}  # the caller's own stays outside: it may hold secrets and PG* settings
# Where root keeps clusters whose data directory lies in its private home, which `nobody` cannot enter.
SHELTER = Path("/var/lib/billing-sandbox")
# In the data directory, the name of the file that says where such a cluster lies.
POINTER = "cluster-is-in"
LOG_TAIL_LINES = 12
READY_POLL_SECONDS = 0.02
ORPHANS_GONE_SECONDS = 5.0
PORT_TRIES = 3

# Only for clusters that are thrown away: a power cut loses them, and every commit is several times cheaper.
NOT_DURABLE = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "dynamic_shared_memory_type=mmap",  # a killed server leaves nothing outside its home
)


class PostgresServer:
    """One cluster under `home`, listening on `port` while it runs.

    `durable=False` trades safety against power cuts for speed and accepts every local connection without a password;
    it is for tests. Otherwise a password is generated once per cluster and kept in `home/password`, mode 0600.
    Used step by step by the supervisor (`prepare`, `command`, `run_as`, `answers`), or whole (`start`, `stop`).
    """

    def __init__(self, home: Path, *, port: int | None = None, durable: bool = True) -> None:
        self.home = home.absolute()
        self.durable = durable
        self.port = port or free_port()
        self._port_is_ours_to_choose = port is None
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries: Binaries | None = None

    # -- whole ---------------------------------------------------------------------------------------------------

    def start(self, ready_within_seconds: float = 20.0) -> None:
        """Prepare and start the server, and return when it answers; raises PostgresError with the log's last lines.

        Call it from the main thread: the server ends when the thread that started it does.
        """
        self.prepare()
        for attempt in range(1, PORT_TRIES + 1):
            self._launch()
            try:
                self._await_ready(ready_within_seconds)
            except PostgresError as failure:
                self.kill()
                taken = "could not bind" in str(failure) and self._port_is_ours_to_choose
                if not taken or attempt == PORT_TRIES:
                    raise
                self.port = free_port()
            else:
                return

    def stop(self, within_seconds: float = 15.0) -> None:
        """End sessions, write everything down and stop; a server that does not manage in time is killed."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server as a crash would: no last writes. The next start recovers from the write-ahead log."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, database: str = SUPERUSER) -> str:
        """The connection address in libpq's form, which holds the password: never to be logged."""
        secret = "" if not self.durable else f":{self._password()}"
        return f"postgresql://{SUPERUSER}{secret}@{LOOPBACK}:{self.port}/{database}"

    # -- step by step --------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Find a server, make the cluster if there is none, and clear what a crash left behind."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._binaries = find_binaries(self.run_as, self._ground)
        if self.cluster.exists():
            self._refuse_other_version()
            self._clear_stale_pid_file()
        else:
            self._make_cluster()

    @property
    def cluster(self) -> Path:
        """Postgres's own data directory; its owner is whom the server runs as."""
        return self._ground / "cluster"

    @property
    def run_as(self) -> RunAs:
        """The identity to start `command` with."""
        return run_as(self._ground / "cluster")

    @property
    def command(self) -> list[str]:
        """What starts the prepared server in the foreground; SIGINT stops it in order."""
        if self._binaries is None:
            raise PostgresError("The server is not prepared: call prepare() before asking for its command.")
        options = [f"listen_addresses={LOOPBACK}", "unix_socket_directories=", f"port={self.port}"]
        options += ["max_connections=200", "timezone=UTC", "log_timezone=UTC"]
        options += () if self.durable else NOT_DURABLE
        switches = [switch for option in options for switch in ("-c", option)]
        return [str(self._binaries / "postgres"), "-D", str(self.cluster), *switches]

    def answers(self) -> bool:
        """Whether a session can be opened now."""
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self, name: str) -> None:
        """Make the database in the running server unless there is one."""
        with psycopg.connect(self.url(), autocommit=True) as session:
            if not session.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                session.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    # -- starting ------------------------------------------------------------------------------------------------

    @property
    def log(self) -> Path:
        """The file that `start` sends the server's log to."""
        return self.home / "postgres.log"

    def _launch(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd="/",
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us to pass on, in order
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 - one system call, nothing it could wait for
                **self.run_as,
            )

    def _await_ready(self, within_seconds: float) -> None:
        process, deadline = self._process, time.monotonic() + within_seconds
        if process is None:
            raise PostgresError("The server was not launched.")
        while not self.answers():
            if process.poll() is not None:
                raise PostgresError(f"Postgres ended while starting (exit {process.returncode}):\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise PostgresError(f"Postgres did not answer within {within_seconds:g} s:\n{self._log_tail()}")
            time.sleep(READY_POLL_SECONDS)

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    # -- the cluster ---------------------------------------------------------------------------------------------

    @property
    def _ground(self) -> Path:
        """The directory the cluster lies in: `home`, or root's shelter for it when `nobody` cannot enter `home`."""
        pointer = self.home / POINTER
        if pointer.exists():
            return Path(pointer.read_text().strip())
        who = run_as(self.home / "cluster")
        if not who or can_enter(self.home, who):
            return self.home
        SHELTER.mkdir(parents=True, exist_ok=True, mode=0o711)
        ground = Path(tempfile.mkdtemp(prefix="postgres-", dir=SHELTER))
        ground.chmod(0o711)
        pointer.write_text(f"{ground}\n")
        return ground

    def _make_cluster(self) -> None:
        """Run initdb beside the final place and move it there: an interrupted first start leaves nothing half made."""
        if self._binaries is None:
            raise PostgresError("No server was found to make a cluster with.")
        who, unfinished = self.run_as, self._ground / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        command = [str(self._binaries / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, "--no-instructions"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"]
        with tempfile.NamedTemporaryFile("w", dir=self._ground) as password:  # created with mode 0600
            if self.durable:
                password.write(self._password())
                password.flush()
                command += ["--auth=scram-sha-256", f"--pwfile={password.name}"]
            else:
                command += ["--auth=trust", "--no-sync"]
            if who:
                shutil.chown(unfinished, who["user"], who["group"])
                shutil.chown(password.name, who["user"], who["group"])
            made = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", env=ENVIRONMENT, **who)
        if made.returncode != 0:
            raise PostgresError(f"The cluster in {self.cluster} could not be made:\n{made.stderr.strip()}")
        unfinished.rename(self.cluster)

    def _password(self) -> str:
        file = self.home / "password"
        if not file.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24))
        return file.read_text().strip()

    def _refuse_other_version(self) -> None:
        made_by = int((self.cluster / "PG_VERSION").read_text())
        if self._binaries is not None and made_by != self._binaries.major:
            raise PostgresError(
                f"{self.cluster} was made by Postgres {made_by}, but {self._binaries.directory} is Postgres "
                f"{self._binaries.major}. Set PG_BIN to a Postgres {made_by}, or start with another data directory."
            )

    def _clear_stale_pid_file(self) -> None:
        """Make way after a crash: wait for the dead server's last processes, and disown a pid that is another's now."""
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        recorded = int(pid_file.read_text().split()[0])
        deadline = time.monotonic() + ORPHANS_GONE_SECONDS
        while at_work := _processes_in(self.cluster):
            if recorded in at_work or time.monotonic() > deadline:
                raise PostgresError(
                    f"{self.cluster} is in use by a running Postgres (pid {min(at_work)}). "
                    "Stop that one, or start with another data directory."
                )
            time.sleep(READY_POLL_SECONDS)
        if psutil.pid_exists(recorded):  # otherwise Postgres clears the file itself, after checks of its own
            pid_file.unlink()


def is_served(home: Path) -> bool:
    """Whether a server still works in the cluster that lies in `home`, whoever started it."""
    return bool(_processes_in(home / "cluster"))


def _processes_in(cluster: Path) -> set[int]:
    """The processes whose working directory is the cluster: a server's, since Postgres moves there on starting."""
    found = psutil.process_iter(["pid", "cwd"])  # what may not be read comes back as None
    return {process.info["pid"] for process in found if process.info["cwd"] == str(cluster.resolve())}
