"""Checks: the protocol's rules, compiled, run by Great Expectations, told in our own words without values."""

from validate.checks.facts import Facts, Step, Verdict
from validate.checks.results import CheckReport, CheckResult, Status, Waiver
from validate.checks.run import run

__all__ = ["CheckReport", "CheckResult", "Facts", "Status", "Step", "Verdict", "Waiver", "run"]
