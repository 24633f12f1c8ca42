"""A storyboard's file: made, opened, shared between programs, and what is said where it can't be."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from imagegen.errors import Unreachable, WrongInput
from imagegen.storyboard import database, deciding, editing, schema
from imagegen.storyboard.database import Storyboard, address, open_storyboard
from imagegen.storyboard.ids import new_id
from imagegen.storyboard.tables import Base, Project, Sentence
from tests.rights import read_only

FILE = "data/storyboard.sqlite"


def opened(folder: Path, create: bool = False) -> Storyboard:
    return open_storyboard(address(FILE, folder), create)


@pytest.fixture
def storyboard(tmp_path: Path) -> Iterator[Storyboard]:
    """A new, empty storyboard."""
    made = opened(tmp_path, create=True)
    yield made
    made.close()


def refusal(folder: Path, create: bool = False) -> str:
    """What opening the storyboard there is refused with."""
    with pytest.raises(WrongInput) as found:
        opened(folder, create)
    return str(found.value)


def sql(folder: Path, *statements: str) -> None:
    """Another program's writes."""
    (folder / FILE).parent.mkdir(exist_ok=True)
    connection = sqlite3.connect(folder / FILE)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def run(program: str, *words: str) -> subprocess.Popen[str]:
    """A program in another process, not waited for."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


# --- making and opening ---------------------------------------------------------------------------


def test_ids_are_short_and_are_not_misread() -> None:
    found = {new_id() for _ in range(2000)}
    assert len(found) == 2000
    for one in found:
        assert len(one) == 10 and one[0].isalpha() and one == one.lower()
        assert not set(one) & set("aeiou01l")


def test_a_new_storyboard_is_kept(tmp_path: Path) -> None:
    first = opened(tmp_path, create=True)
    with first.session() as session:
        project_id = editing.create_project(session, "Ash").id
    first.close()
    again = opened(tmp_path)
    with again.reading() as session:
        assert session.get(Project, project_id).name == "Ash"  # type: ignore[union-attr]
    again.close()
    assert not list((tmp_path / "data").glob("*-wal"))


def test_create_opens_the_one_that_is_there(storyboard: Storyboard, tmp_path: Path) -> None:
    with storyboard.session() as session:
        editing.create_project(session, "Ash")
    with opened(tmp_path, create=True).reading() as session:
        assert deciding.board(session, "Ash").sentences == ()


def test_opening_does_not_import_alembic(storyboard: Storyboard, tmp_path: Path) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from imagegen.storyboard.database import address, open_storyboard
        open_storyboard(address(sys.argv[2], Path(sys.argv[1]))).close()
        assert "alembic" not in sys.modules and "psycopg" not in sys.modules
        """
    other = run(program, str(tmp_path), FILE)
    assert other.wait(60) == 0, other.communicate()


def test_the_migrations_make_what_the_tables_say(storyboard: Storyboard) -> None:
    """Else a migration was forgotten."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with storyboard._engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
        assert schema.revision(connection) == schema.HEAD


def test_the_comparison_sees_a_forgotten_migration(storyboard: Storyboard) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with storyboard._engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE sentences DROP COLUMN error")
    with storyboard._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata)


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(schema.MIGRATIONS)).get_heads() == [schema.HEAD]
    assert schema.HEAD in schema.known()


def test_an_older_storyboard_is_brought_up_to_date_when_it_is_opened(
    storyboard: Storyboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a revision that is not there yet: what is in the storyboard stays."""
    with storyboard.session() as session:
        editing.add_sentence(session, editing.create_project(session, "Ash").id, "It rains.")
    storyboard.close()
    newer = tmp_path / "100% newer"
    shutil.copytree(schema.MIGRATIONS, newer)
    (newer / "versions" / "r0002_mood.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n"
        f"revision, down_revision, branch_labels, depends_on = '0002', {schema.HEAD!r}, None, None\n"
        "def upgrade():\n    op.add_column('sentences', sa.Column('mood', sa.Text, server_default='calm'))\n"
    )
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    monkeypatch.setattr(schema, "HEAD", "0002")
    with opened(tmp_path).reading() as session:
        assert session.execute(text("SELECT text, mood FROM sentences")).all() == [("It rains.", "calm")]
    monkeypatch.undo()
    assert "has the schema 0002" in refusal(tmp_path)


def test_a_migration_goes_back(storyboard: Storyboard) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    with storyboard._engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'sentences'").all() == []


def test_what_a_kill_left_half_made_is_made_whole(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / FILE).touch()
    assert "empty" in refusal(tmp_path) and "imagegen storyboard import" in refusal(tmp_path)
    with opened(tmp_path, create=True).session() as session:
        editing.create_project(session, "Ash")


def test_two_that_make_it_at_the_same_time_share_it(tmp_path: Path) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from imagegen.storyboard import editing
        from imagegen.storyboard.database import address, open_storyboard
        sys.stdin.read()
        with open_storyboard(address(sys.argv[2], Path(sys.argv[1])), create=True).session() as session:
            editing.create_project(session, sys.argv[3])
        """
    both = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), FILE, name], stdin=subprocess.PIPE)
        for name in ("Ash", "Birch", "Cedar")
    ]
    for one in both:  # they import, then wait
        assert one.stdin is not None
        one.stdin.close()
    assert [one.wait(60) for one in both] == [0, 0, 0]
    with opened(tmp_path).reading() as session:
        assert set(session.execute(select(Project.name)).scalars()) == {"Ash", "Birch", "Cedar"}


# --- what can be wrong ----------------------------------------------------------------------------


def test_a_missing_file_is_not_made_without_need(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"there is no storyboard {FILE} (imagegen storyboard import makes one)"
    assert not (tmp_path / "data").exists()


def test_a_file_that_went_is_not_made_anew(storyboard: Storyboard, tmp_path: Path) -> None:
    storyboard.close()
    board = opened(tmp_path)
    board.close()
    (tmp_path / FILE).unlink()
    with pytest.raises(WrongInput, match="can't be opened"), board.reading() as session:
        session.execute(select(Project)).all()
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", [b"PNG, not a database" * 100, b"SQLite format 3\0" + bytes(4096)])
@pytest.mark.parametrize("create", [False, True])
def test_a_damaged_file_is_said_to_be_so(tmp_path: Path, content: bytes, create: bool) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / FILE).write_bytes(content)
    assert f"{FILE} is damaged or no database" in refusal(tmp_path, create)
    assert (tmp_path / FILE).read_bytes() == content


def test_pages_lost_from_the_middle_are_told_when_they_are_read(storyboard: Storyboard, tmp_path: Path) -> None:
    with storyboard.session() as session:
        project = editing.create_project(session, "Ash")
        for number in range(300):
            editing.add_sentence(session, project.id, f"sentence {number} " * 10)
    storyboard.close()
    size = (tmp_path / FILE).stat().st_size
    with (tmp_path / FILE).open("r+b") as stream:
        stream.seek(size // 2 // 4096 * 4096)
        stream.write(b"\xff" * (size // 4))
    board = opened(tmp_path)
    with pytest.raises(WrongInput, match="damaged"), board.reading() as session:
        session.execute(select(Sentence)).all()
    board.close()


def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    sql(tmp_path, "CREATE TABLE bookmarks (url TEXT)")
    before = (tmp_path / FILE).read_bytes()
    for create in (False, True):
        assert "no storyboard: it has the tables bookmarks" in refusal(tmp_path, create)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_newer_schema_is_refused_by_name(storyboard: Storyboard, tmp_path: Path) -> None:
    sql(tmp_path, "UPDATE alembic_version SET version_num = '0099'")
    assert "has the schema 0099" in refusal(tmp_path) and "newer imagegen" in refusal(tmp_path)


def test_a_folder_is_no_storyboard(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir(parents=True)
    assert "is a folder" in refusal(tmp_path, create=True)


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    assert "can't be made" in refusal(tmp_path, create=True)


@pytest.mark.parametrize("lacking", ["sqlalchemy", "alembic"])
def test_a_missing_extra_is_named(tmp_path: Path, lacking: str) -> None:
    program = f"""if True:
        import sys
        from pathlib import Path
        sys.modules["{lacking}"] = None
        from imagegen.errors import WrongInput
        try:
            from imagegen.storyboard.database import address, open_storyboard
            open_storyboard(address("s.sqlite", Path(sys.argv[1])), create=True)
        except WrongInput as error:
            print(error)
        """
    out, err = run(program, str(tmp_path)).communicate(timeout=60)
    assert f"needs {lacking}" in out and "pip install 'imagegen[studio]'" in out, err


AS_USER = """if True:
    import ctypes, os, sys
    from pathlib import Path
    if os.geteuid() == 0:
        version, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None).capset(version, none) == 0
    from imagegen.errors import WrongInput
    from imagegen.storyboard import deciding, editing
    from imagegen.storyboard.database import address, open_storyboard
    try:
        storyboard = open_storyboard(address(sys.argv[2], Path(sys.argv[1])), create="create" in sys.argv)
        with storyboard.reading() as session:
            print("read", len(deciding.board(session, "Ash").sentences))
        with storyboard.session() as session:
            editing.create_project(session, "Birch")
    except WrongInput as error:
        print(error)
    """


def as_user(folder: Path, *words: str) -> str:
    """What a user without root's rights sees."""
    out, err = run(AS_USER, str(folder), FILE, *words).communicate(timeout=60)
    assert not err
    return out


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's rights away by Linux's own means")
def test_a_storyboard_that_may_not_be_written_can_be_read(storyboard: Storyboard, tmp_path: Path) -> None:
    """A checkout on a read-only disk: WAL needs a folder that can be written, reading must not."""
    with storyboard.session() as session:
        editing.add_sentence(session, editing.create_project(session, "Ash").id, "It rains.")
    with read_only(tmp_path / "data"):
        said = as_user(tmp_path)  # another program has it open: its log is there
        assert "read 1" in said and "can't be opened or written" in said
        storyboard.close()
    with read_only(tmp_path / "data"):
        said = as_user(tmp_path)
        assert "read 1" in said and "can't be opened or written" in said
        assert "can't be written" in as_user(tmp_path, "create") or "read 1" in said
    (tmp_path / f"{FILE}-wal").touch()  # what a killed program leaves beside it
    with read_only(tmp_path / "data"):
        assert "read 1" in as_user(tmp_path)


# --- sharing --------------------------------------------------------------------------------------

COUNT = """if True:
    import sys
    from pathlib import Path
    from imagegen.storyboard.database import address, open_storyboard
    from imagegen.storyboard.tables import Project
    storyboard = open_storyboard(address(sys.argv[2], Path(sys.argv[1])))
    for _ in range(25):
        with storyboard.session() as session:
            session.get(Project, sys.argv[3]).numbered += 1
    """


def test_threads_and_programs_write_without_losing_anything(storyboard: Storyboard, tmp_path: Path) -> None:
    with storyboard.session() as session:
        project_id = editing.create_project(session, "Ash").id
    others = [run(COUNT, str(tmp_path), FILE, project_id) for _ in range(2)]

    def count() -> None:
        for _ in range(10):
            with storyboard.session() as session:
                session.get(Project, project_id).numbered += 1  # type: ignore[union-attr]

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [(one.wait(60), one.communicate()[1]) for one in others] == [(0, ""), (0, "")]
    with storyboard.reading() as session:
        assert session.get(Project, project_id).numbered == 2 * 25 + 8 * 10  # type: ignore[union-attr]


def test_who_reads_waits_for_nobody(storyboard: Storyboard) -> None:
    with storyboard.session() as writing:
        editing.create_project(writing, "Ash")
        with storyboard.reading() as session:
            assert session.execute(select(Project.name)).all() == []
    with storyboard.reading() as before:
        assert before.execute(select(Project.name)).scalars().all() == ["Ash"]
        with storyboard.session() as writing:
            editing.create_project(writing, "Birch")
        assert before.execute(select(Project.name)).scalars().all() == ["Ash"]


def test_what_fails_half_way_leaves_nothing(storyboard: Storyboard) -> None:
    with pytest.raises(WrongInput), storyboard.session() as session:
        editing.create_project(session, "Ash")
        editing.create_project(session, "Ash")
    with storyboard.reading() as session:
        assert session.execute(select(Project)).all() == []


def test_a_lock_that_is_held_for_long_may_pass(
    storyboard: Storyboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY", 0.05)
    other = opened(tmp_path)
    with storyboard.session() as session:
        editing.create_project(session, "Birch")
        with pytest.raises(Unreachable, match="is in use"), other.session() as late:
            editing.create_project(late, "Cedar")
    with other.session() as session:
        editing.create_project(session, "Ash")
    other.close()


def test_rows_that_contradict_each_other_are_told_without_what_they_hold(storyboard: Storyboard) -> None:
    with pytest.raises(WrongInput) as found, storyboard.session() as session:
        session.add_all([Project(name="my secret script"), Project(name="my secret script")])
    assert "secret" not in str(found.value) and FILE in str(found.value)


# --- addresses ------------------------------------------------------------------------------------


def test_an_address_is_a_file_of_the_project(tmp_path: Path) -> None:
    found = address(FILE, tmp_path)
    assert found.file == tmp_path / FILE and found.shown == FILE
    assert found.url.database == os.fspath(tmp_path / FILE)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_s_password_is_never_shown(scheme: str, tmp_path: Path) -> None:
    found = address(f"{scheme}://ann:gehe%40im@db.example:5433/boards?password=geheim&sslmode=require", tmp_path)
    assert found.file is None and found.shown == "postgresql://ann@db.example:5433/boards"
    assert "gehe" not in repr(found) + str(found) + f"{[found]}"
    assert found.url.password == "gehe@im" and found.url.drivername == "postgresql+psycopg"
    assert found.without_secrets("it is gehe@im!") == "the server refused the connection"
    assert found.without_secrets("no route to host") == "no route to host"


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://ann:ge@heim@db/x",
        "postgresql://ann:geheim/x",
        "mysql://ann:geheim@db/x",
        "postgresql://ann@db:geheim/x",
    ],
)
def test_a_url_that_can_t_be_understood_is_not_repeated(written: str, tmp_path: Path) -> None:
    with pytest.raises(WrongInput) as found:
        address(written, tmp_path)
    error: BaseException | None = found.value
    while error is not None:
        assert "heim" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
