"""Where a study's database stands: its own file, or the PostgreSQL that the environment names."""

import uuid

import pytest
from sqlalchemy import create_engine, make_url, text

from extract.errors import StorageFault
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.storage import database_exists, database_url


@pytest.fixture
def folder(tmp_path):
    from importlib.resources import files

    template = files("extract.study") / "templates" / "esr-pain" / "study.toml"
    (tmp_path / "study.toml").write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    return StudyFolder.at(tmp_path)


@pytest.fixture
def team(postgres_url, monkeypatch):
    """A PostgreSQL database of our own, named in the environment as a team's worker has it."""
    server = make_url(postgres_url)
    name = f"team_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = server.set(database=name)
    monkeypatch.setenv("COHORTLOCK_STUDY_DATABASE", url.render_as_string(hide_password=False))
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_a_study_keeps_a_file_of_its_own(folder, monkeypatch):
    """...which exists once it was opened."""
    monkeypatch.delenv("COHORTLOCK_STUDY_DATABASE", raising=False)
    assert not database_exists(folder)
    StudyDatabase.open(folder, folder.protocol()).close()
    assert database_exists(folder)
    assert database_url(folder).get_backend_name() == "sqlite"


def test_a_team_keeps_it_on_postgresql_and_no_file_appears(folder, team):
    """The same folder, opened by every verb, finds the server."""
    assert database_exists(folder)
    with StudyDatabase.open(folder, folder.protocol()) as database:
        assert database.engine.dialect.name == "postgresql"
        assert database.head().seq > 0
    assert not folder.database.exists()


def test_the_password_comes_from_a_file(folder, monkeypatch, tmp_path):
    """As a container's secret is given; the URL in the environment holds none."""
    secret = tmp_path / "secret"
    secret.write_text("p@ss/word\n", encoding="utf-8")
    monkeypatch.setenv("COHORTLOCK_STUDY_DATABASE", "postgresql+psycopg://reader@127.0.0.1/x")
    monkeypatch.setenv("COHORTLOCK_STUDY_DATABASE_PASSWORD_FILE", str(secret))
    assert database_url(folder).password == "p@ss/word"
    monkeypatch.setenv("COHORTLOCK_STUDY_DATABASE_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(StorageFault, match="password file"):
        database_url(folder)
