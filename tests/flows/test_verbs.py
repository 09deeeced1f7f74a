"""The verbs that a person uses beside the demo: their JSON, their words, and what they leave behind."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import httpx

from extract.study.protocol import load
from flows.cli.arguments import snapshot_path
from flows.steps import manifest

BIN = Path(sys.executable).parent


def test_init_makes_a_study_that_lint_accepts(tmp_path, cohortlock):
    """What is left to fill in is a warning, and each problem has its line."""
    said = cohortlock("init", tmp_path / "new", "--json")
    assert said.code == 0
    assert said.json["files"] == ["study.toml", "site.toml"]
    load(tmp_path / "new" / "study.toml")
    tomllib.loads((tmp_path / "new" / "site.toml").read_text(encoding="utf-8"))
    linted = cohortlock("lint", tmp_path / "new", "--json")
    assert linted.code == 0
    assert linted.json["ok"] is True
    assert {"severity", "line", "message"} <= set(linted.json["problems"][0])


def test_the_shipped_example_is_clean(cohortlock):
    """The second study, which a reader is shown as the way to write one."""
    example = Path(__file__).parents[2] / "docs" / "examples" / "hba1c-clinosim"
    assert cohortlock("lint", example, "--json").json["ok"] is True


def test_lint_names_the_line_of_an_error(study, cohortlock):
    """...on stdout as JSON, as a sentence for a person, and in its exit code."""
    file = study / "study.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("range = [18, 80]", "range = [80, 18]", 1), encoding="utf-8")
    line = text[: text.index("range = [18, 80]")].count("\n") + 1
    said = cohortlock("lint", study, "--json")
    assert said.code == 10
    assert said.json["ok"] is False
    assert line in {p["line"] for p in said.json["problems"] if p["severity"] == "error"}
    assert f"line {line}" in cohortlock("lint", study).out


def test_sql_shows_every_statement_with_its_values(study, cohortlock):
    """What would run, before anything runs; the values stand beside the SQL, never in it."""
    told = cohortlock("sql", study, "--json").json["statements"]
    assert any(s["name"].startswith("candidates") for s in told)
    assert {"chart lab", "chart document"} <= {s["name"] for s in told}
    for statement in told:
        for value in statement["params"].values():
            assert len(value) < 4 or f"'{value}'" not in statement["sql"]
    assert not (study / "landing").exists()


def test_a_pull_twice_finds_nothing_new(study, cohortlock):
    """...says what it did in a stable shape, and queues nothing again."""
    first = cohortlock("pull", study, "--json").json
    assert set(first) >= {"run", "windows", "records", "candidates", "rejected", "seconds", "notice"}
    assert first["records"]["patient"]["new"] > 0
    second = cohortlock("pull", study, "--json").json
    assert second["run"] != first["run"]
    for table, counts in second["records"].items():
        assert set(counts) == {"new", "changed", "unchanged", "gone"}
        assert counts["new"] == counts["changed"] == counts["gone"] == 0, table
        assert counts["unchanged"] == first["records"][table]["new"], table
    funnel = cohortlock("funnel", study, "--json").json
    assert funnel["closes"] is True
    assert funnel["basis"] == "screening"


def test_accounts(study, cohortlock, monkeypatch):
    """Add, give a password, close; each is listed at once, and a closed one is gone."""
    added = cohortlock("user", study, "add", "li", "--role", "reviewer", "--name", "Dr Li", "--json").json
    assert added == {"accounts": [{"id": "li", "name": "Dr Li", "role": "reviewer"}]}
    assert cohortlock("user", study, "add", "li").code == 20
    assert cohortlock("user", study, "add", "wang", "--role", "king").code == 21
    assert cohortlock("user", study, "add").code == 2
    monkeypatch.setenv("COHORTLOCK_PASSWORD", "short")
    assert cohortlock("user", study, "password", "li").code == 21
    monkeypatch.setenv("COHORTLOCK_PASSWORD", "correct horse battery")
    assert cohortlock("user", study, "password", "li").code == 0
    monkeypatch.delenv("COHORTLOCK_PASSWORD")
    assert cohortlock("user", study, "password", "li", "--json").json["error"]["slug"] == "not-ready"
    assert cohortlock("user", study, "close", "li", "--json").json == {"accounts": []}


def test_keys(study, cohortlock, monkeypatch):
    """One for each role that signs; the passphrase is asked for and stored nowhere."""
    roles = {"data manager": False, "principal investigator": False}
    assert {r["role"]: r["key"] for r in cohortlock("key", study, "--json").json["roles"]} == roles
    assert cohortlock("key", study, "--role", "data manager").code == 22
    monkeypatch.setenv("COHORTLOCK_PASSPHRASE_DATA_MANAGER", "a passphrase nobody guesses")
    said = cohortlock("key", study, "--role", "data manager", "--name", "Dr Zhang", "--json").json
    assert {r["role"]: r["key"] for r in said["roles"]} == roles | {"data manager": True}
    for file in (study / "keys").iterdir():
        assert b"nobody guesses" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0


def test_a_lock_shows_everything_that_is_open(study, cohortlock):
    """...in one sentence, and leaves no snapshot."""
    assert cohortlock("pull", study).code == 0
    cohortlock("user", study, "add", "zhang", "--role", "data_manager")
    said = cohortlock("lock", study, "--json")
    assert said.code == 22
    for open_ in ("opinions", "signatures"):
        assert open_ in said.json["error"]["message"]
    assert not list(study.glob("snapshots/v*"))


def test_the_desk_serves_its_sign_in_page(study):
    """Started by the verb, answering on loopback, stopped with Ctrl-C."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    desk = subprocess.Popen([BIN / "cohortlock", "desk", study, "--port", str(port)])
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                page = httpx.get(f"http://127.0.0.1:{port}/sign-in")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                assert desk.poll() is None
                time.sleep(0.1)
        assert page.status_code == 200
    finally:
        desk.terminate()
        desk.wait(20)


def test_a_snapshot_may_be_named_by_study_and_version(tmp_path, study, monkeypatch):
    """A path, STUDY@v1, or @v1 inside the study's folder."""
    (study / "snapshots" / "v1").mkdir(parents=True)
    assert snapshot_path(f"{study}@v1") == study / "snapshots" / "v1"
    assert snapshot_path(str(study / "snapshots" / "v1")) == study / "snapshots" / "v1"
    monkeypatch.chdir(study)
    assert snapshot_path("@v1").resolve() == (study / "snapshots" / "v1").resolve()


def test_a_manifest_changes_with_any_name_or_byte(tmp_path):
    """...and with nothing else: the same files elsewhere have the same hash."""
    for place in ("a", "b"):
        (tmp_path / place / "sub").mkdir(parents=True)
        (tmp_path / place / "one").write_bytes(b"1")
        (tmp_path / place / "sub" / "two").write_bytes(b"2")
    first = manifest(tmp_path / "a", 2)
    assert first["count"] == 2
    assert manifest(tmp_path / "b", 2)["sha256"] == first["sha256"]
    shutil.move(tmp_path / "b" / "one", tmp_path / "b" / "uno")
    assert manifest(tmp_path / "b", 2)["sha256"] != first["sha256"]


def test_nothing_is_said_on_stderr_when_nobody_watches(study):
    """A verb that succeeds in a pipe writes its result to stdout and not a word beside it."""
    done = subprocess.run(
        [BIN / "cohortlock", "sql", study, "--json"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert json.loads(done.stdout)


def test_completion_is_there():
    """For the shells that people use."""
    for shell in ("bash", "zsh", "fish"):
        done = subprocess.run(
            [BIN / "cohortlock", "--show-completion", shell], capture_output=True, text=True, check=False
        )
        assert "_COHORTLOCK_COMPLETE" in done.stdout, done.stderr


def test_a_second_demo_stands_beside_the_first(tmp_path, monkeypatch):
    """...and so does a third: what somebody tried in a demo is never overwritten."""
    from flows.cli.setting_up import _free

    monkeypatch.chdir(tmp_path)
    made = []
    for _ in range(3):
        made.append(_free(Path("cohortlock-demo")))
        made[-1].mkdir()
    assert [str(folder) for folder in made] == ["cohortlock-demo", "cohortlock-demo-2", "cohortlock-demo-3"]
