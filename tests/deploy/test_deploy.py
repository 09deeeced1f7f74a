"""Each file of deploy/ is read by the tool that will read it, or by that tool's own model."""

from __future__ import annotations

import configparser
import importlib
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_prefect_reads_its_deployments_and_every_entrypoint_takes_the_parameters_given():
    """Prefect's own loader accepts the file, and a renamed flow or parameter fails here, not at night."""
    from prefect.cli.deploy._config import _load_deploy_configs_and_actions
    from prefect.cli.deploy._models import PrefectYamlModel

    file = DEPLOY / "prefect.yaml"
    model = PrefectYamlModel.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    deployments, _ = _load_deploy_configs_and_actions(prefect_file=file, console=Console())
    assert {d["name"] for d in deployments} == {"nightly", "finalise"} == {d.name for d in model.deployments}
    for deployment in model.deployments:
        module, _, name = (deployment.entrypoint or "").rpartition(".")
        flow = getattr(importlib.import_module(module), name)
        assert set(deployment.parameters) <= set(inspect.signature(flow.fn).parameters)
        assert deployment.work_pool is not None
        assert deployment.work_pool.name == "cohortlock"
        flow.validate_parameters(dict(deployment.parameters))


def test_the_compose_file_follows_the_compose_specification():
    """...and no service is published beyond this machine."""
    compose_spec = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    spec = compose_spec.PyCompose.from_yaml(text).to_spec()
    services = yaml.safe_load(text)["services"]
    assert set(spec.services) == set(services) == {"study-database", "prefect-server", "worker"}
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not any(
        "PASSWORD" in k and not k.endswith("_FILE") for s in services.values() for k in s["environment"]
    )


def test_the_dockerfile_passes_hadolint():
    """Every rule, with no exception but the one that states its reason."""
    hadolint = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_dockerfile_copies_every_room():
    """A room that is missing in the image would be found on the first night."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for room in ("flows", "extract", "validate", "analysis", "sql"):
        assert f"COPY {room} {room}\n" in text


def test_odbc_reads_every_driver_and_data_source():
    """UnixODBC's own tool lists the four drivers, and each data source names one of them."""
    drivers = configparser.ConfigParser(interpolation=None)
    drivers.read(DEPLOY / "odbcinst.ini", encoding="utf-8")
    sources = configparser.ConfigParser(interpolation=None)
    sources.read(DEPLOY / "odbc.ini", encoding="utf-8")
    assert len(drivers.sections()) == len(sources.sections()) == 4
    assert {sources[s]["Driver"] for s in sources.sections()} == set(drivers.sections())
    assert not any(key in {"pwd", "password"} for s in sources.sections() for key in sources[s])
    if shutil.which("odbcinst") is None:
        pytest.skip("odbcinst is not installed")
    environment = os.environ | {"ODBCSYSINI": str(DEPLOY), "ODBCINI": str(DEPLOY / "odbc.ini")}
    for what, expected in (("-d", drivers.sections()), ("-s", sources.sections())):
        listed = subprocess.run(
            ["odbcinst", "-q", what], capture_output=True, text=True, check=True, env=environment
        )
        assert {line.strip("[]") for line in listed.stdout.split("\n") if line} >= set(expected)


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda p: p.stem)
def test_systemd_accepts_the_unit(unit):
    """Systemd's own checker has nothing to say."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(unit.parent.glob("*.service"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
