"""A Prefect server of our own comes up, answers on loopback, and leaves nothing behind."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import httpx
import pytest

from extract.errors import NotReady
from flows.server import PrefectServer


def test_it_comes_up_and_leaves_nothing():
    """No process, no port, no folder."""
    with PrefectServer() as server:
        url, home = server.url, server.home
        assert httpx.get(f"{url}/health").json() is True
        assert url.startswith("http://127.0.0.1:")
        assert (home / "prefect.db").is_file()
        port = int(url.split(":")[2].split("/")[0])
    assert not home.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    mine = [p for p in Path("/proc").glob("[0-9]*") if str(home).encode() in _environment(p)]
    assert mine == []


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def test_a_server_that_dies_is_told_at_once(tmp_path, monkeypatch):
    """...with the place of its log, and not after two minutes."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with PrefectServer(tmp_path / "home") as server, pytest.raises(NotReady, match="did not come up"):
        _ = server.url
    assert (tmp_path / "home" / "server.log").exists()


def test_a_server_is_not_told_of_another(monkeypatch, tmp_path):
    """PREFECT_API_URL of the person at the terminal would make it speak to somebody else's database."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    seen = tmp_path / "environment"
    recorder = tmp_path / "python"
    recorder.write_text(f"#!/bin/sh\nenv > {seen}\nexit 0\n")
    recorder.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(recorder))
    with PrefectServer(tmp_path / "home") as server, pytest.raises(NotReady):
        _ = server.url
    told = dict(line.split("=", 1) for line in seen.read_text().splitlines() if "=" in line)
    assert "PREFECT_API_URL" not in told
    assert told["DO_NOT_TRACK"] == "1"
    assert told["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
