"""Simulated people: they read charts, err at stated rates, and act through the functions a person's clicks use.

Whether a person errs at a place follows from the seed and the place alone, so that nothing depends on the
order of work.  Errors of two people are independent: that they meet is chance, and the score says so.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from typing import Protocol as Shape

from extract.chart.people import survivors
from extract.chart.screening import Screening
from extract.his.landing import Landing
from extract.his.records import SCHEMAS, TABLES
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.study.protocol import Protocol, Variable
from extract.synthetic.reading import Reading
from extract.synthetic.reading import read as read_chart
from validate.entry.entries import Typed, enter_all, resolve
from validate.entry.forms import Field, Value, equal, form_fields, read
from validate.entry.standing import FieldStanding, standings
from validate.review import accounts
from validate.review.calibration import Cause, State, state
from validate.review.calibration_acts import code, draw, open_gate
from validate.review.cases import Case, cases, eligible
from validate.review.decisions import Given, arbitrate, decide_all
from validate.review.queue import assign
from validate.review.rules import Account, Phase, Role, ValuePhase, Verdict

__all__ = ["CAST", "ChartReader", "MachineReader", "Rates", "Reader", "Seen", "Simulation"]


_ROUNDS: Final = 2


@dataclass(frozen=True)
class Rates:
    """How often each kind of person errs: per criterion judged, per field typed."""

    reviewer: float = 0.02
    arbitrator: float = 0.005
    abstractor: float = 0.001


@dataclass(frozen=True)
class Seen:
    """What a reader finds for one field: what to type, or why there is nothing; and in which record."""

    raw: str = ""
    missing: str = ""
    record_id: str = ""


class Reader(Shape):
    """What a careful person concludes from a chart; errors are added by the simulation."""

    def verdict(self, patient_id: str, criterion: str) -> Verdict:
        """Whether the criterion's condition holds."""
        ...

    def seen(self, patient_id: str, field: Field) -> Seen:
        """What stands in the chart for a field of the form."""
        ...


class MachineReader:
    """A reader of any study that believes the screening; what it left open becomes ``unknown``."""

    def __init__(self, screening: Screening, unknown: Verdict = Verdict.CANNOT_TELL) -> None:
        self._unknown = unknown
        self._verdicts = {
            (row["patient_id"], row["criterion"]): row["verdict"]
            for row in screening.verdicts.select(["patient_id", "criterion", "verdict"]).to_pylist()
        }
        self._values = values_by_place(screening)

    def verdict(self, patient_id: str, criterion: str) -> Verdict:
        """The machine's verdict."""
        said = self._verdicts.get((patient_id, criterion), "unknown")
        return self._unknown if said == "unknown" else Verdict(said)

    def seen(self, patient_id: str, field: Field) -> Seen:
        """The machine's value, or the variable's first missing code."""
        row = self._values.get((patient_id, *field.key))
        if row is None or row["status"] != "found":
            return Seen(missing=field.variable.missing[0])
        return Seen(raw=f"{row['comparator'] or ''}{row['value']}", record_id=row["record_id"] or "")


class ChartReader:
    """A reader of the demo's study: reads the landed chart as a careful physician would, never the truth file."""

    def __init__(self, folder: StudyFolder) -> None:
        screening = Screening.load(folder)
        self._t0 = {
            row["patient_id"]: row["t0_at"]
            for row in screening.candidates.select(["patient_id", "t0_at"]).to_pylist()
        }
        self._values = values_by_place(screening)
        self._charts = charts_of(Landing(folder.landing), set(self._t0))
        self._read: dict[str, Reading] = {}

    def _reading(self, patient_id: str) -> Reading:
        if patient_id not in self._read:
            self._read[patient_id] = read_chart(self._charts[patient_id], self._t0[patient_id])
        return self._read[patient_id]

    def verdict(self, patient_id: str, criterion: str) -> Verdict:
        """What the chart says of the criterion."""
        return Verdict(self._reading(patient_id).verdicts[criterion])

    def seen(self, patient_id: str, field: Field) -> Seen:
        """What the chart says of the field; the record is named where the machine read the same there."""
        raw = self._reading(patient_id).values.get(field.key, "")
        if not raw:
            return Seen(missing=field.variable.missing[0])
        machine = self._values.get((patient_id, *field.key))
        same = machine is not None and equal(read(field, raw), _stored(field, machine))
        return Seen(raw=raw, record_id=machine["record_id"] or "" if same and machine else "")


def values_by_place(screening: Screening) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(patient, variable, timepoint) -> the machine's row."""
    return {
        (row["patient_id"], row["variable"], row["timepoint"] or ""): row
        for row in screening.values.to_pylist()
    }


def charts_of(landing: Landing, patients: Collection[str]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Patient -> canonical table -> landed records, under the id that survived a merger."""
    people = landing.current("patient")
    merged = survivors(zip(people["patient_id"].to_pylist(), people["merged_into"].to_pylist(), strict=True))
    found: dict[str, dict[str, list[dict[str, Any]]]] = {patient: {} for patient in patients}
    for table in TABLES:
        landed = landing.current(table, SCHEMAS[table].names)
        owners = [merged.get(patient, patient) for patient in landed["patient_id"].to_pylist()]
        wanted = [i for i, owner in enumerate(owners) if owner in found]
        for i, record in zip(wanted, landed.take(wanted).to_pylist(), strict=True):
            found[owners[i]].setdefault(table, []).append(record)
    return found


def _stored(field: Field, machine: Mapping[str, Any]) -> Value:
    if machine["status"] != "found":
        return Value(None, "", field.variable.missing[0])
    return Value(
        None if field.variable.many else machine["scaled"],
        machine["value"],
        comparator=machine["comparator"] or "",
    )


CAST: Mapping[str, tuple[Role, str]] = {
    "sim-manager": (Role.DATA_MANAGER, "simulated data manager"),
    "sim-reviewer-a": (Role.REVIEWER, "simulated reviewer A"),
    "sim-reviewer-b": (Role.REVIEWER, "simulated reviewer B"),
    "sim-arbitrator": (Role.ARBITRATOR, "simulated arbitrator"),
    "sim-abstractor-a": (Role.ABSTRACTOR, "simulated abstractor A"),
    "sim-abstractor-b": (Role.ABSTRACTOR, "simulated abstractor B"),
}
"""Everybody who acts: account id -> role and name. The names say that they are simulated."""


@dataclass(frozen=True)
class Simulation:
    """One simulated team at work on one study database."""

    database: StudyDatabase
    protocol: Protocol
    reader: Reader
    seed: int
    rates: Rates = Rates()

    def run(self) -> dict[str, int]:
        """Accounts, assignment, pilot, review, arbitration, double entry, resolution; counts of each."""
        team = self._hire()
        assign(self.database, team["sim-manager"], seed=self.seed)
        opinions, arbitrations = self._calibrate(team)
        return {
            "opinions": opinions + self._review(team),
            "arbitrations": arbitrations + self._arbitrate(team["sim-arbitrator"]),
            "entries": self._enter((team["sim-abstractor-a"], team["sim-abstractor-b"])),
            "resolutions": self._resolve(team["sim-arbitrator"]),
        }

    def _hire(self) -> dict[str, Account]:
        with self.database.reading() as connection:
            team = accounts.active(connection)
        for id_, (role, name) in CAST.items():
            if id_ not in team:
                team[id_] = accounts.add(
                    self.database, accounts.MACHINE, account_id=id_, name=name, role=role
                )
        return team

    def _cases(self) -> list[Case]:
        return self._everybody()

    def _everybody(self) -> list[Case]:
        with self.database.reading() as connection:
            return [case for case in cases(connection).values() if case.candidate.present]

    def _calibrated(self) -> State:
        with self.database.reading() as connection:
            return state(connection, self.protocol)

    def _calibrate(self, team: Mapping[str, Account]) -> tuple[int, int]:
        """The pilot rounds that the protocol asks for: two at most, then the gate is opened with a reason."""
        manager, opinions, arbitrations = team["sim-manager"], 0, 0
        while (found := self._calibrated()).plan and found.gate is None and self._everybody():
            below = found.rounds and found.rounds[-1].lacking
            if found.rounds and (not below or len(found.rounds) == _ROUNDS):
                reason = "two rounds; simulated people do not learn" if below else ""
                open_gate(self.database, manager, reason=reason, request_id=f"gate/{self.seed}")
                break
            number = draw(self.database, manager, seed=self.seed)
            drawn = self._calibrated().rounds[-1].cases
            opinions += self._review(team, drawn)
            arbitrations += self._arbitrate(team["sim-arbitrator"], drawn)
            for one in self._calibrated().rounds[-1].disagreements:
                code(
                    self.database,
                    manager,
                    one.candidate,
                    one.criterion,
                    Cause.READER_ERROR,
                    note="misread by a simulated reviewer",
                    request_id=f"pilot/{number}/{one.candidate}/{one.criterion}",
                )
        return opinions, arbitrations

    def _errs(self, rate: float, *place: object) -> bool:
        return random.Random("|".join(map(str, (self.seed, *place)))).random() < rate  # noqa: S311

    def _drawn(self, numbers: Collection[int]) -> list[Case]:
        return [case for case in self._everybody() if case.candidate.id in numbers]

    def _review(self, team: Mapping[str, Account], only: Collection[int] | None = None) -> int:
        given = 0
        for case in self._cases() if only is None else self._drawn(only):
            patient = case.candidate.patient_id
            for slot, holder in case.candidate.reviewers.items():
                opinions = [
                    Given(criterion, self._judged(holder, self.rates.reviewer, patient, criterion))
                    for criterion in case.candidate.reviewed
                    if case.standing[criterion].of(slot) is None
                ]
                if opinions:
                    decide_all(
                        self.database,
                        team[holder],
                        patient,
                        opinions,
                        request_id=f"{holder}/{case.candidate.id}/{case.candidate.evidence_hash[:16]}",
                    )
                    given += len(opinions)
        return given

    def _judged(self, who: str, rate: float, patient: str, criterion: str) -> Verdict:
        read_well = self.reader.verdict(patient, criterion)
        if not self._errs(rate, who, patient, criterion):
            return read_well
        return Verdict.NOT_MET if read_well is Verdict.MET else Verdict.MET

    def _arbitrate(self, arbitrator: Account, only: Collection[int] | None = None) -> int:
        settled = 0
        for case in self._cases() if only is None else self._drawn(only):
            patient = case.candidate.patient_id
            for criterion, standing in case.standing.items():
                if case.phase is Phase.ARBITRATION and standing.phase is Phase.ARBITRATION:
                    arbitrate(
                        self.database,
                        arbitrator,
                        patient,
                        criterion,
                        self._judged(arbitrator.id, self.rates.arbitrator, patient, criterion),
                        reason="read again by the simulated arbitrator",
                        request_id=f"{arbitrator.id}/{case.candidate.id}/{criterion}",
                    )
                    settled += 1
        return settled

    def _enter(self, abstractors: tuple[Account, Account]) -> int:
        typed = 0
        fields = form_fields(self.protocol)
        for case in self._cases() if fields else ():
            if case.phase is not Phase.COMPLETE or not eligible(self.protocol, case.finals):
                continue
            patient = case.candidate.patient_id
            for pass_, who in enumerate(abstractors, start=1):
                posts = [self._typed(who.id, patient, field) for field in fields]
                request = f"{who.id}/{case.candidate.id}/{case.candidate.evidence_hash[:16]}"
                enter_all(self.database, who, patient, posts, pass_=pass_, request_id=request)
                typed += len(posts)
        return typed

    def _typed(self, who: str, patient: str, field: Field) -> Typed:
        seen = self.reader.seen(patient, field)
        raw = seen.raw
        if raw and self._errs(self.rates.abstractor, who, patient, field.name):
            raw = _slip(field.variable, raw)
        return Typed(*field.key, raw=raw, missing=seen.missing, record_id=seen.record_id)

    def _resolve(self, arbitrator: Account) -> int:
        settled = 0
        with self.database.reading() as connection:
            all_cases = cases(connection)
            standing = standings(connection, self.protocol, [c.candidate for c in all_cases.values()])
        for patient, by_field in standing.items():
            for one in by_field.values():
                if one.phase is ValuePhase.RECONCILIATION:
                    self._settle(arbitrator, patient, one)
                    settled += 1
        return settled

    def _settle(self, arbitrator: Account, patient: str, standing: FieldStanding) -> None:
        seen = self.reader.seen(patient, standing.field)
        truth = read(standing.field, seen.raw, seen.missing)
        matching = {1: "first", 2: "second"}
        choice = next(
            (
                name
                for pass_, name in matching.items()
                if (entered := standing.of(pass_)) is not None and equal(entered.value, truth)
            ),
            "third",
        )
        third = {"raw": seen.raw, "missing": seen.missing} if choice == "third" else {}
        resolve(
            self.database,
            arbitrator,
            patient,
            *standing.field.key,
            choice,
            reason="read again by the simulated arbitrator",
            request_id=f"{arbitrator.id}/{patient}/{standing.field.name}",
            record_id=seen.record_id,
            **third,
        )


def _slip(variable: Variable, raw: str) -> str:
    """``raw`` as a tired person types it: one code too few or another, the last digit one off."""
    if variable.categorical:
        codes = raw.split(";")
        if len(codes) > 1:
            return ";".join(codes[:-1])
        others = [str(v.code) for v in variable.values if str(v.code) != raw]
        return others[0] if others else raw
    try:
        number = Decimal(raw)
    except ArithmeticError:
        return raw
    low, high = variable.range or (None, None)
    up = number + variable.step
    return str(up if high is None or up <= high else number - variable.step if low is None else low)
