"""Studies over the shared real data: a folder with study.toml and site.toml, pulled once per module."""

from pathlib import Path

import pytest

from extract.his.landing import Landing
from extract.his.pull import pull
from extract.study.folder import StudyFolder

DATA = Path(__file__).parents[4] / "shared" / "data"

STUDY = """format = 1
[study]
id = "facts"
title = {{ zh = "事实", en = "facts" }}
ethics = {{ approval = "none needed" }}
time_zone = "UTC"
[search]
expression = '{expression}'
from = {dates[0]}
to = {dates[1]}
[timepoints]
T0 = {{ anchor = "first_match" }}
T1 = {{ after = "T0", day = 90, window = [60, 120] }}
[[variable]]
id = "result"
label = {{ zh = "结果", en = "result" }}
at = ["T0", "T1"]
source = {{ lab = "ESR" }}
[outcome]
responder = {{ any = [ {{ drop = "result", at_least = 1 }} ] }}
"""

SITE = """format = 1
pack = "{pack}"
[source]
url = "{url}"
zone = "UTC"
[limits]
window = "decade"
"""


class Pulled:
    """What a pull of one search brought."""

    def __init__(self, root, *, expression, dates, pack, url, more=""):
        root.mkdir(parents=True, exist_ok=True)
        (root / "study.toml").write_text(STUDY.format(expression=expression, dates=dates), encoding="utf-8")
        (root / "site.toml").write_text(SITE.format(pack=pack, url=url) + more, encoding="utf-8")
        self.folder = StudyFolder.at(root)
        self.report = pull(self.folder)
        self.landing = Landing(self.folder.landing)

    def patients(self, table, **where):
        """The patients who have a landed record of the table with these column values."""
        rows = self.landing.current(table).to_pylist()
        return {
            row["patient_id"]
            for row in rows
            if all(str(row[name]).startswith(value) for name, value in where.items())
        }

    @property
    def candidates(self):
        """Visits and patients of the SQL superset."""
        return {(row["visit_id"], row["patient_id"]) for row in self.landing.candidates().to_pylist()}


@pytest.fixture(scope="module")
def pulled(tmp_path_factory):
    """``pulled(expression=…, dates=…, pack=…, url=…)`` makes a study and pulls it."""
    made = []

    def make(**study):
        one = Pulled(tmp_path_factory.mktemp("study"), **study)
        made.append(one)
        return one

    yield make
    for one in made:
        one.landing.close()
