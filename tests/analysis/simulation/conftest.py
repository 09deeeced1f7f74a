"""A plan of one group of two codes, tests chosen beforehand, numbers far from the ends of their ranges."""

from __future__ import annotations

import pytest

from analysis.simulation.assumptions import Assumptions
from analysis.simulation.people import World
from extract.study.protocol import Analysis, Correlation, Normality, Protocol, Variable, Variances

ARM = {
    "id": "arm",
    "label": {"zh": "组", "en": "Arm"},
    "source": {"patient": "sex"},
    "values": [{"code": 1, "zh": "甲", "en": "A"}, {"code": 2, "zh": "乙", "en": "B"}],
}


@pytest.fixture(scope="session")
def plain(protocol) -> Protocol:
    """The paper's protocol with another plan: no routing, groups by arm."""
    plan = Analysis(
        group="arm",
        normality=Normality(test="none"),
        variances=Variances(test="none"),
        correlate=(Correlation(x="delta(esr)", y="delta(crp)"),),
    )
    wide = tuple(
        v.model_copy(update={"range": (-10_000, 10_000)}) if v.id in {"esr", "crp", "vas"} else v
        for v in protocol.variable
    )
    return protocol.model_copy(update={"analysis": plan, "variable": (*wide, Variable.model_validate(ARM))})


def assumed(**more) -> Assumptions:
    """Numbers of no effect; a test gives what it is about."""
    numbers = {
        "format": 1,
        "n": 60,
        "variable": {
            "vas": {"mean": [60, 60], "sd": [10, 10], "correlation": 0.5},
            "esr": {"mean": [60, 60], "sd": [10, 10], "correlation": 0.5},
            "crp": {"mean": [60, 60], "sd": [10, 10], "correlation": 0.5},
            "sex": {"share": {"1": 0.5, "2": 0.5}},
            "arm": {"share": {"1": 0.5, "2": 0.5}},
        },
    }
    for id_, changed in more.pop("variable", {}).items():
        numbers["variable"][id_] = numbers["variable"][id_] | changed
    return Assumptions.model_validate(numbers | more)


@pytest.fixture(scope="session")
def make_world(plain):
    def make(scenario="assumed", **more) -> World:
        return World(plain, assumed(**more), scenario)

    return make


PAPER = """
format = 1
n = 90
[variable.vas]
mean = [6.45, 3.12]
sd = [1.32, 1.05]
change_sd = 1.18
[variable.esr]
mean = [28.36, 14.20]
sd = [12.75, 6.88]
change_sd = 8.42
shape = "lognormal"
[variable.crp]
mean = [8.73, 4.15]
sd = [5.46, 2.71]
change_sd = 3.25
shape = "heavy"
missing = 0.05
[variable.age]
mean = 52.7
sd = 11.4
[variable.course_months]
mean = 18.6
sd = 9.3
[variable.sex]
share = { 1 = 0.54, 2 = 0.46 }
missing = 0.1
[variable.pain_site]
share = { 1 = 0.3, 2 = 0.2, 3 = 0.6, 4 = 0.2 }
missing = 0.1
[[association]]
x = "esr"
y = "vas"
change = 0.6
[[association]]
x = "course_months"
y = "vas"
change = 0.2
[dropout]
rate = 0.1
mechanism = "mar"
by = "vas"
"""


@pytest.fixture(scope="session")
def paper_text() -> str:
    return PAPER
