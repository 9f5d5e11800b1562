"""Removing a sandbox removes what it made, and nothing that is somebody else's."""

from pathlib import Path

from sandbox.postgres import POINTER
from sandbox.removal import OURS, main, remove
from sandbox.run_record import only_run


def a_sandbox(data: Path) -> Path:
    data.mkdir(parents=True)
    (data / OURS).write_text("{}")
    return data


def test_a_sandbox_goes_with_the_cluster_it_kept_elsewhere(tmp_path: Path) -> None:
    data, shelter = a_sandbox(tmp_path / "data"), tmp_path / "shelter"
    shelter.mkdir()
    (data / "postgres").mkdir()
    (data / "postgres" / POINTER).write_text(f"{shelter}\n")

    removed = remove(data)

    assert removed
    assert not data.exists()
    assert not shelter.exists()


def test_a_directory_of_somebody_else_stays(tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "to-a-friend.txt").write_text("hello")

    removed = remove(letters)

    assert not removed
    assert (letters / "to-a-friend.txt").exists()


def test_a_running_sandbox_stays_and_is_named(tmp_path: Path) -> None:
    running, idle = a_sandbox(tmp_path / "demo"), a_sandbox(tmp_path / "other")

    with only_run(running):
        code = main(tmp_path)

    assert code == 1
    assert running.exists()
    assert not idle.exists()
