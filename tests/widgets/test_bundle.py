"""The front end that is shipped is what its source gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "gekko_lab" / "widgets" / "static"
SOURCE = ROOT / "js"


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_source_builds_what_is_shipped(tmp_path):
    if not (SOURCE / "node_modules" / "esbuild").exists():
        pytest.skip("what builds the bundle isn't installed: npm ci --prefix js")
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=SOURCE, check=True, timeout=60)
    for name in ("chart.js", "chart.css"):
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), name


def test_it_keeps_the_license_and_loads_nothing_from_elsewhere():
    text = (STATIC / "chart.js").read_text(encoding="utf-8")
    version = json.loads((SOURCE / "package.json").read_text())["dependencies"][
        "lightweight-charts"
    ]
    assert f"TradingView Lightweight Charts™ v{version}" in text
    assert f"Lightweight Charts™ {version}" in (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert "attributionLogo:!0" in text
    assert not re.search(r"\bfetch\(|XMLHttpRequest|importScripts|import\(", text)


def test_the_notice_is_installed_with_the_license():
    files = {file.name: file for file in metadata.files("gekko-lab")}
    assert files["NOTICE"].read_text() == (ROOT / "NOTICE").read_text(encoding="utf-8")


def test_what_is_locked_has_hashes_and_no_addresses():
    locked = json.loads((SOURCE / "package-lock.json").read_text())["packages"]
    for name, package in locked.items():
        assert "resolved" not in package
        assert not name or package["integrity"].startswith("sha512-")
