"""What stands around the code agrees with it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def needed(project):
    extras = project["project"]["optional-dependencies"]["notebook"]
    build = project["dependency-groups"]["build"]
    found = [Requirement(text) for text in [*project["project"]["dependencies"], *extras, *build]]
    return {canonicalize_name(each.name): str(each.specifier) for each in found}


def pins(file):
    text = (ROOT / file).read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;]+)", text, flags=re.MULTILINE))


def test_conda_users_get_the_same_packages(needed, project):
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    packages = [Requirement(each) for each in listed if isinstance(each, str)]
    found = {canonicalize_name(each.name): str(each.specifier) for each in packages}
    found["zlib-ng"] = found.pop("python-zlib-ng")  # zlib-ng is the C library there
    assert found.pop("python") == project["project"]["requires-python"]
    assert found.pop("pip") == ""
    assert found == needed


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_what_is_pinned_is_what_the_project_allows(needed, file):
    pinned = pins(file)
    for name, specifier in needed.items():
        assert Requirement(f"{name}{specifier}").specifier.contains(pinned[name])


def test_the_tests_of_every_extra_run_for_developers(project):
    pinned = pins("requirements-dev.txt")
    for extra in project["project"]["optional-dependencies"].values():
        for needed in map(Requirement, extra):
            assert needed.specifier.contains(pinned[canonicalize_name(needed.name)])


def test_developers_and_users_get_the_same_versions():
    developers = pins("requirements-dev.txt")
    assert pins("requirements.txt").items() <= developers.items()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_is_hashed_and_none_has_an_address(file):
    text = (ROOT / file).read_text()
    for entry in re.split(r"\n(?=[a-z])", text.split("\n", 1)[1].strip()):
        assert "--hash=sha256:" in entry
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("heading", ["Run it", "Test it"])
def test_each_command_of_the_readme_is_the_only_block_under_its_heading(heading):
    readme = (ROOT / "README.md").read_text()
    section = readme.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    assert section.count("```") == 2
    assert len(blocks[0].strip().splitlines()) == 1


def test_files_that_the_readme_names_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_no_file_of_the_project_names_a_download_address_or_a_machine():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    assert "uv.lock" not in listed
    hosts = re.compile(
        "|".join(["files.python" + "hosted", "pypi" + r"\.org", "registry" + r"\.npm"])
    )
    for name in listed:
        text = (ROOT / name).read_bytes().decode("utf-8", "ignore")
        assert not hosts.search(text), name
