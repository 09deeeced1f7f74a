"""A small study with a subject nobody treats, locked for real: no network, no HIS, seconds."""

import shutil
import stat
from pathlib import Path

import pytest

from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.protocol import parse
from validate.checks import Facts, Step, Verdict
from validate.checks.frames import build_frames
from validate.checks.results import CheckReport, CheckResult
from validate.checks.rules import compile_rules
from validate.lock.assemble import Cell, assemble_cells
from validate.lock.contents import Reviewed, build_contents
from validate.lock.export import FORMATS, export_all
from validate.lock.keys import PseudonymKey, create_signer
from validate.lock.pseudonyms import Pseudonyms
from validate.lock.publish import publish

CANARY = "CANARY-7f3a9"

STUDY = (Path(__file__).parents[1] / "leaf-growth.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def canary():
    return CANARY


@pytest.fixture(scope="session")
def study_text():
    return STUDY


@pytest.fixture(scope="session")
def protocol():
    return parse(STUDY)


def cells_of(patient, number):
    """Sound values of one participant, all different from their neighbours'."""
    tenth = number % 10
    values = {
        ("age", ""): str(30 + number),
        ("kind", ""): str(1 + number % 2),
        ("spots", ""): "10;2" if number % 3 else "1",
        ("height", "T0"): f"6.{tenth}",
        ("height", "T1"): f"{2 + number % 4}.{tenth}",
        ("sap", "T0"): "0.5",
        ("sap", "T1"): f"1.{tenth}",
    }
    return [
        Cell(
            patient,
            variable,
            timepoint,
            value,
            comparator="<" if (variable, timepoint) == ("sap", "T0") and number % 2 else "",
            method="double_entry" if variable == "height" else "lab",
            day=28 if timepoint == "T1" else 0,
            record_id=f"lab:{CANARY}|{patient}|{variable}{timepoint}",
            version=f"{CANARY}{number}",
            start=1,
            end=4,
        )
        for (variable, timepoint), value in values.items()
    ]


@pytest.fixture(scope="session")
def patients():
    return [f"{CANARY}-{number:03d}" for number in range(12)]


@pytest.fixture(scope="session")
def sound_cells(patients):
    return [cell for number, patient in enumerate(patients) for cell in cells_of(patient, number)]


@pytest.fixture(scope="session")
def pseudonyms(patients):
    return Pseudonyms.assign(PseudonymKey(b"k" * 32), patients)


@pytest.fixture(scope="session")
def draft_of(protocol, sound_cells, pseudonyms):
    """The draft of some patients, with some cells in place of the sound ones."""

    def build(patients, instead=()):
        return assemble_cells(protocol, patients, [*sound_cells, *instead], pseudonyms)

    return build


@pytest.fixture(scope="session")
def draft(draft_of, patients):
    return draft_of(patients)


@pytest.fixture(scope="session")
def facts(protocol, patients, sound_cells):
    return Facts(
        verdicts=tuple(
            Verdict(patient, code, final, sealed=True, evidence=1)
            for patient in patients
            for code, final in (("I1", "met"), ("E1", "not_met"))
        ),
        funnel=(Step("window", 100, 120, 0, 0), Step("included", 12, 14, 88, 106)),
        entries={
            (c.patient_id, c.variable, c.timepoint): "agree" for c in sound_cells if c.variable == "height"
        },
        units={(c.patient_id, c.variable, c.timepoint): "known" for c in sound_cells if c.variable == "sap"},
    )


@pytest.fixture(scope="session")
def frames(protocol, draft, facts):
    return build_frames(protocol, draft, facts)


@pytest.fixture(scope="session")
def report(protocol):
    """A report in which every check passed; what runs the engine is tested beside it."""
    return CheckReport(
        tuple(CheckResult(r.id, r.kind, "pass", r.severity, r.label, 1) for r in compile_rules(protocol))
    )


def new_study(root, study_text):
    root.mkdir(parents=True, exist_ok=True)
    (root / "study.toml").write_text(study_text, encoding="utf-8")
    folder = StudyFolder.at(root)
    folder.snapshots.mkdir()
    folder.landing.mkdir()
    return folder


@pytest.fixture
def folder(tmp_path, study_text):
    return new_study(tmp_path / "study", study_text)


@pytest.fixture
def database(folder, protocol):
    with StudyDatabase.open(folder, protocol) as opened:
        yield opened


@pytest.fixture
def signers(folder):
    return [
        create_signer(folder, name="Ann", role="data manager", passphrase="p", meaning="lock"),
        create_signer(folder, name="Bo", role="principal investigator", passphrase="q", meaning="approve"),
    ]


@pytest.fixture(scope="session")
def contents_of(protocol, patients, report, study_text):
    """The contents of a snapshot of ``draft``, as the study stands in ``database``."""

    def build(database, draft):
        return build_contents(
            protocol,
            draft,
            study_toml=study_text.encode(),
            report=report,
            reviewed=[
                Reviewed(patient, code, final, final, None, final)
                for patient in [*patients, f"{CANARY}-screened"]
                for code, final in (("I1", "met"), ("E1", "not_met"))
            ],
            agreement={"kappa": 1.0},
            flow={"steps": [], "closes": True},
            sql={"candidates.sql": "SELECT 1\n"},
            audit=database.audit(),
            head=database.head(),
        )

    return build


@pytest.fixture(scope="session")
def locked_once(tmp_path_factory, protocol, draft, contents_of, study_text):
    """A locked study that tests must not change: copy it with ``snapshot``."""
    folder = new_study(tmp_path_factory.mktemp("locked") / "study", study_text)
    signers = [
        create_signer(folder, name="Ann", role="data manager", passphrase="p", meaning="lock"),
        create_signer(folder, name="Bo", role="principal investigator", passphrase="q", meaning="approve"),
    ]
    with StudyDatabase.open(folder, protocol) as database:
        return publish(folder, database, contents_of(database, draft), signers, actor="ann")


@pytest.fixture
def snapshot(locked_once, tmp_path):
    """A writable copy of a sound snapshot."""
    path = tmp_path / "v1"
    shutil.copytree(locked_once, path)
    for file in path.rglob("*"):
        file.chmod(file.stat().st_mode | stat.S_IWUSR)
    return path


LABEL = "高度" * 50
"""More than any program takes."""


@pytest.fixture(scope="session")
def gaps(tmp_path_factory, sound_cells, patients, pseudonyms, report, study_text):
    """A snapshot with missing values of every kind, a formula, a reserved name and labels that nobody can hold."""
    text = study_text.replace('zh = "高度"', f'zh = "{LABEL}"').replace(
        'en = "Height"', """en = "He's \\"tall\\" */ or not" """
    )
    text = text.replace("[search]", "simulated = true\n[search]", 1)
    text = text.replace('id = "kind"', 'id = "with"').replace('en = "b"', 'en = "b|c, d"')
    root = tmp_path_factory.mktemp("gaps")
    (root / "study.toml").write_text(text, encoding="utf-8")
    folder = StudyFolder.at(root)
    folder.snapshots.mkdir()
    protocol = folder.protocol()
    cells = [
        *(
            Cell(**{**vars(c), "variable": "with" if c.variable == "kind" else c.variable})
            for c in sound_cells
        ),
        Cell(patients[0], "height", "T1", missing="not_documented"),
        Cell(patients[1], "height", "T1", missing="not_done"),
        Cell(patients[2], "with", "", missing="illegible"),
        Cell(patients[3], "spots", "", missing="not_applicable"),
        Cell(patients[4], "spots", "", "=1+1"),
    ]
    draft = assemble_cells(protocol, patients, cells, pseudonyms)
    signers = [
        create_signer(folder, name=role, role=role, passphrase="p", meaning="lock")
        for role in protocol.lock.signatures
    ]
    with StudyDatabase.open(folder, protocol) as database:
        contents = build_contents(
            protocol,
            draft,
            study_toml=text.encode(),
            report=report,
            reviewed=[],
            agreement={},
            flow={},
            sql={},
            audit=database.audit(),
            head=database.head(),
        )
        return publish(folder, database, contents, signers, actor="ann")


@pytest.fixture(scope="session")
def exported(gaps, tmp_path_factory):
    """Both tables in every format, per language."""
    root = tmp_path_factory.mktemp("exported")
    for language in ("zh", "en"):
        export_all(gaps, root / language, list(FORMATS), language=language)
    return root
