"""The storyboard on a PostgreSQL server: the same as on SQLite, for several machines."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from imagegen.errors import Unreachable, WrongInput
from imagegen.items import Source
from imagegen.progress import Event, Made, Started
from imagegen.storyboard import database, deciding, editing, following, schema
from imagegen.storyboard.database import address, open_storyboard
from imagegen.storyboard.following import Follower
from imagegen.storyboard.tables import Base, Job, Project
from tests.postgres import WRITTEN_PASSWORD, Postgres, postgres
from tests.scripts import Script

__all__ = ["postgres"]

SECRETS = (WRITTEN_PASSWORD, "geheim", "Wort")


@pytest.fixture
def script(postgres: Postgres, tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path, postgres.address)
    yield made
    made.storyboard.close()


def refusal(url: str, create: bool = False) -> str:
    """What opening the storyboard there is refused with; it says nothing secret."""
    with pytest.raises(WrongInput) as found:
        open_storyboard(address(url, Path()), create)
    for secret in SECRETS:
        assert secret not in str(found.value)
    return str(found.value)


def wait_for_lock(postgres: Postgres, *kinds: str) -> None:
    """Until somebody waits for a lock of one of these kinds."""
    pause, waiting = threading.Event(), "SELECT locktype FROM pg_locks WHERE NOT granted"
    for _ in range(1000):
        if any(kind in kinds for (kind,) in postgres.execute(waiting)):
            return
        pause.wait(0.01)
    pytest.fail("nobody waits")


def test_the_migrations_make_what_the_tables_say(script: Script) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with script.storyboard._engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
        assert schema.revision(connection) == schema.HEAD


def test_a_board_is_the_same_as_on_sqlite(script: Script, tmp_path: Path) -> None:
    """But for the ids."""
    other = Script(tmp_path)

    def without_ids(one: Script) -> list[object]:
        return [{**shot.settings, "slug": ""} for shot in one.board.sentences]

    assert without_ids(script) == without_ids(other)
    assert script.dirty == {script.third}
    other.storyboard.close()


def test_a_script_is_changed_and_followed(script: Script) -> None:
    script.change(script.first, seed=2**64 - 1, image_prompt="Ελένη 🎨", characters=["Tom"], references=["a.png"])
    assert script.settings(script.first)["seed"] == 2**64 - 1
    assert script.dirty == {script.first, script.third}
    script.do(editing.move_sentence, script.third, 0)
    script.do(editing.change_character, script.tom, position=0)
    assert script.order == [script.third, script.first, script.second] and script.cast == ["Tom", "Mia"]
    assert script.do(following.succeeded, script.third, "3.png", script.digest(script.third)) is True
    with script.storyboard.session() as session:
        session.add(Job(id="e1", project_id=script.id, sentence_id=script.first, event={"seed": 1}, status="running"))
    script.do(following.began, script.first)
    assert script.do(following.reconcile, script.id, {}, {}, ()) == []
    script.do(editing.remove_sentence, script.first)
    with script.storyboard.reading() as session:
        job = session.execute(select(Job)).scalar_one()
        assert job.sentence_id is None and job.event == {"seed": 1} and job.created_at.tzinfo is not None
    script.do(editing.remove_character, script.mia)
    script.change_all(aspect_ratio="1:1")
    assert script.dirty == set(script.order)


def test_another_program_s_rows_have_their_defaults(script: Script, postgres: Postgres) -> None:
    postgres.execute(f"INSERT INTO sentences (id, project_id, name, text) VALUES ('x1', '{script.id}', 'x', 'Hi.')")
    assert script.settings("x1")["prompt"] == "Hi., ink on paper" and "x1" in script.dirty


def test_a_run_writes_what_it_does(script: Script) -> None:
    told: list[Event] = []
    source = Source("tale", "storyboard", script.written, {"project": "Ash"}, script.state)
    follower = Follower(script.folder, [source], told.append)
    for one in script.order:
        follower(Started(f"tale:{one}"))
        follower(Made(f"tale:{one}", f"{one}.png"))
    follower.close()
    assert told == [] and script.dirty == set()


def test_success_waits_for_a_change_that_is_under_way(script: Script, postgres: Postgres) -> None:
    """Else the flag would be cleared by what read the row before the change, and wrote it after."""
    digest, outcome = script.digest(script.third), list[bool]()
    done = threading.Thread(
        target=lambda: outcome.append(script.do(following.succeeded, script.third, "3.png", digest)), daemon=True
    )
    with script.storyboard.session() as session:
        editing.change_sentence(session, script.third, image_prompt="fog")
        done.start()
        wait_for_lock(postgres, "tuple", "transactionid")
    done.join(20)
    assert outcome == [False] and script.dirty == {script.third}


def test_a_lock_that_is_held_for_long_may_pass(
    script: Script, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY", 0.05)
    other = open_storyboard(address(postgres.address, Path()))
    with script.storyboard.session() as session:
        editing.change_project(session, script.id, style="oil")
        with pytest.raises(Unreachable, match="is in use"), other.session() as late:
            editing.change_project(late, script.id, style="chalk")
    with other.session() as session:
        editing.change_project(session, script.id, style="chalk")
    other.close()


def test_a_board_is_read_as_of_one_moment(script: Script) -> None:
    with script.storyboard.reading() as session:
        before = deciding.state(deciding.board(session, script.id))
        script.change(script.first, image_prompt="fog")
        assert deciding.state(deciding.board(session, script.id)) == before
    assert script.state != before


def test_those_that_make_it_at_the_same_time_share_it(postgres: Postgres) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from imagegen.storyboard import editing
        from imagegen.storyboard.database import address, open_storyboard
        import alembic.command
        sys.stdin.read()
        with open_storyboard(address(sys.argv[1], Path()), create=True).session() as session:
            editing.create_project(session, sys.argv[2])
        """
    all_three = [
        subprocess.Popen([sys.executable, "-c", program, postgres.address, name], stdin=subprocess.PIPE)
        for name in ("Ash", "Birch", "Cedar")
    ]
    for one in all_three:
        assert one.stdin is not None
        one.stdin.close()
    assert [one.wait(60) for one in all_three] == [0, 0, 0]
    with open_storyboard(address(postgres.address, Path())).reading() as session:
        assert set(session.execute(select(Project.name)).scalars()) == {"Ash", "Birch", "Cedar"}


def test_a_migration_waits_for_another(postgres: Postgres) -> None:
    made = threading.Thread(target=lambda: open_storyboard(address(postgres.address, Path()), create=True).close())
    with create_engine(address(postgres.address, Path()).url).connect() as other:
        other.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": schema.LOCK})
        made.start()
        wait_for_lock(postgres, "advisory")
        assert postgres.execute("SELECT 1 FROM pg_tables WHERE tablename = 'sentences'") == []
        other.rollback()
    made.join(20)
    assert postgres.execute("SELECT version_num FROM alembic_version") == [(schema.HEAD,)]


def test_what_can_be_wrong_with_a_server(postgres: Postgres) -> None:
    assert "holds no storyboard" in refusal(postgres.address)
    said = refusal(postgres.url("geheim"))
    assert "refused" in said and "password" in said and "~/.pgpass" in said
    without = postgres.address.replace(f":{WRITTEN_PASSWORD}@", "@")
    assert "no password" in refusal(without) and "~/.pgpass" in refusal(without)
    assert "does not exist" in refusal(postgres.url(WRITTEN_PASSWORD, "elsewhere"), create=True)
    assert "does not answer" in refusal("postgresql://ann:geheim@127.0.0.1:1/boards")


def test_what_is_not_ours(postgres: Postgres) -> None:
    postgres.execute("CREATE TABLE projects (x INTEGER)")
    assert "no storyboard: it has the tables projects" in refusal(postgres.address, create=True)
    postgres.execute("DROP TABLE projects")
    postgres.execute("CREATE TABLE bookmarks (x INTEGER)")
    open_storyboard(address(postgres.address, Path()), create=True).close()  # others may live there too
    postgres.execute("UPDATE alembic_version SET version_num = '0099'")
    assert "has the schema 0099" in refusal(postgres.address)


def test_a_lost_connection_is_made_anew(script: Script, postgres: Postgres) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'imagegen'"
    before = script.state
    postgres.execute(cut)
    assert script.state == before
    with pytest.raises(Unreachable) as found, script.storyboard.session() as session:
        editing.change_project(session, script.id, style="oil")
        postgres.execute(cut)
        editing.change_project(session, script.id, style="chalk")
    assert "geheim" not in str(found.value) and "does not answer" in str(found.value)
    assert script.state == before
