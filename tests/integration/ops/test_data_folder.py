"""The data folder: held by one `up`, with a key of its own."""

import stat
from pathlib import Path

import pytest

from app.core.config import Settings
from app.ops import data_folder
from app.ops.data_folder import FolderInUseError, Running


def test_a_second_holder_is_told_pid_and_address(tmp_path: Path) -> None:
    with data_folder.held(tmp_path):
        data_folder.write_running(tmp_path, Running(url="http://127.0.0.1:8080", pid=4711))
        with pytest.raises(FolderInUseError, match=r"already running .* pid 4711, http://127.0.0.1:8080"):
            data_folder.held(tmp_path).__enter__()


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with data_folder.held(tmp_path / "new"):
        pass
    with data_folder.held(tmp_path / "new"):
        assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_holder_that_is_still_starting_is_named_so(tmp_path: Path) -> None:
    with data_folder.held(tmp_path), pytest.raises(FolderInUseError, match="already starting"):
        data_folder.held(tmp_path).__enter__()


def test_the_secret_key_is_made_once_and_private(tmp_path: Path) -> None:
    key = data_folder.secret_key(tmp_path)
    assert len(key) >= 32
    assert data_folder.secret_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_a_broken_run_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"url": 1')
    assert data_folder.find_running(tmp_path) is None


def test_the_database_beside_a_running_up_is_found(tmp_path: Path) -> None:
    running = Running(url="http://127.0.0.1:1", pid=1, database_url="postgresql://postgres@/x?host=/y")
    data_folder.write_running(tmp_path, running)
    settings = Settings(data_dir=tmp_path).model_copy(update={"database_url": ""})
    assert data_folder.database_url(settings) == running.database_url
    data_folder.forget_running(tmp_path)
    assert data_folder.database_url(settings) == ""
