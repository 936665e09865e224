"""What `sonde serve` needs of its data folder and its database, and the one sentence when it does not get it."""

import os
import pwd
import shutil
import socket
import subprocess
import sys

import pytest
from processes import ask, running
from sqlalchemy import text

from sonde.server.kernel.db import Database
from sonde.server.start import Exit
from sonde.server.storage import next_step

pytestmark = pytest.mark.usefixtures("environment")


def test_a_data_folder_that_cannot_be_written_is_73(refusal, tmp_path):
    (tmp_path / "file").write_text("a file, no folder")
    code, said = refusal("--data-dir", str(tmp_path / "file" / "below"))
    assert code == Exit.DATA_DIR
    assert "cannot be written (Not a directory); set SONDE_DATA_DIR" in said


def test_a_second_process_on_one_data_folder_is_75(refusal):
    with running():
        code, said = refusal()
    assert (code, "another server uses the data folder" in said) == (Exit.SECOND_PROCESS, True)


def test_a_second_process_on_one_sqlite_file_is_75_whatever_its_data_folder(refusal, tmp_path):
    with running():
        link = tmp_path / "link.sqlite"
        link.symlink_to(tmp_path / "data" / "sonde.sqlite")
        for file in (tmp_path / "data" / "sonde.sqlite", link):
            code, said = refusal("--data-dir", str(tmp_path / "other"), DATABASE_URL=f"sqlite:///{file}")
            assert (code, f"another server uses the database {file}" in said) == (Exit.SECOND_PROCESS, True)


def test_what_a_server_makes_nobody_else_reads(tmp_path):
    with running():
        made = tmp_path / "data"
        assert {one.stat().st_mode & 0o077 for one in (made, *made.iterdir())} == {0}


def test_the_data_folder_is_free_again_once_its_server_was_killed():
    with running() as (process, _, _):
        process.kill()
    with running() as (_, address, _):
        assert ask(address, "GET", "/readyz")[0] == 200


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://u:hunter2@h/d",
        "postgresql+asyncpg://u:hunter2@h/d",
        "sqlite://",
        "postgresql://u:hunter2@h:port/d",
    ],
)
def test_a_database_url_that_is_none_is_78_and_shows_no_password(refusal, url):
    code, said = refusal(DATABASE_URL=url)
    assert (code, "SONDE_DATABASE_URL" in said, "hunter2" in said) == (Exit.CONFIG, True, False)


def test_a_database_that_does_not_answer_is_69_and_shows_no_password(refusal):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        code, said = refusal(DATABASE_URL=f"postgresql://sonde:hunter2@127.0.0.1:{port}/sonde")
    assert (code, "refused" in said, "hunter2" in said) == (Exit.DATABASE, True, False)


def test_a_database_file_that_cannot_be_made_is_69(refusal, tmp_path):
    code, said = refusal(DATABASE_URL=f"sqlite:///{tmp_path}/missing/sonde.sqlite")
    assert (code, "unable to open database file" in said) == (Exit.DATABASE, True)


def test_a_file_that_is_no_database_is_69(refusal, tmp_path):
    (tmp_path / "text").write_text("this is no database, but it is longer than a header of SQLite would be" * 20)
    code, said = refusal(DATABASE_URL=f"sqlite:///{tmp_path}/text")
    assert (code, "not a database" in said) == (Exit.DATABASE, True)


@pytest.mark.parametrize("file", ["sonde.sqlite", "sonde.sqlite-turn"])
def test_a_database_that_may_not_be_written_is_69_and_says_whose_it_is(tmp_path, file):
    with running():
        pass
    (tmp_path / "data" / file).chmod(0o400)
    done = subprocess.run(
        [*as_anybody(), sys.executable, "-m", "sonde.main", "serve", "--listen", "127.0.0.1:0"],
        env={**os.environ, "SONDE_UI_TOKEN": "let me in"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (Exit.DATABASE, 1), done.stderr
    me = pwd.getpwuid(os.getuid()).pw_name
    assert f"{file} belongs to {me} with mode 400, and {me} cannot write it" in done.stderr


def as_anybody():
    """What a command begins with so that the modes of files hold for it, even where root runs the tests."""
    if os.getuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everything, and there is no setpriv to forbid it")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def test_a_disk_that_is_full_says_to_make_room():
    db = Database("sqlite:////nowhere/x")
    assert next_step(db, "database or disk is full") == "Make room on its disk."
    db.close()


def test_a_database_of_a_newer_version_is_69(refusal, database_url):
    set_revision(database_url, "9999")
    code, said = refusal(DATABASE_URL=database_url)
    assert code == Exit.DATABASE
    assert "schema 9999, which this version of Sonde does not know; run a newer one" in said


def set_revision(url, revision):
    db = Database(url)
    with db.write("admin.change") as tx:
        tx.run(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    db.close()


def test_who_has_no_home_is_told_to_name_a_data_folder(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_HOME],
        env={"PATH": os.environ["PATH"]},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (Exit.CONFIG, 1), done.stderr
    assert "SONDE_DATA_DIR: this user has no home folder" in done.stderr


WITHOUT_A_HOME = """
import pwd, sys
pwd.getpwuid = lambda number: {}[number]  # as for the users of containers
from sonde.server.main import load
load({})
"""
