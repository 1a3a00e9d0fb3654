"""What stands beside the code: dependencies in three files, the wheel, the assets."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "playwright": "playwright-python",  # there, playwright is the one for JavaScript
}


def requirements():
    extras = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + extras["course"] + extras["test"]
    return [Requirement(line) for line in lines]


def python(*args, cwd=ROOT, **environment):
    result = subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_conda_environment_has_the_packages_of_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *packages, pip = environment["dependencies"]
    wanted = {f"{CONDA_NAMES.get(r.name, r.name)}{r.specifier}" for r in requirements()}
    assert set(packages) - {"pip"} == wanted | {f"python{PROJECT['requires-python']}"}
    assert len(packages) == len(set(packages))
    assert pip == {"pip": ["-e ."]}


def test_extra_all_is_every_other_extra():
    extras = PROJECT["optional-dependencies"]
    assert extras["all"] == [f"minillama[{','.join(sorted(extras.keys() - {'all'}))}]"]


def test_constraints_pin_every_requirement_exactly():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    versions = {}
    for pin in pins:
        [specifier] = pin.specifier
        assert specifier.operator == "==", pin
        versions[canonicalize_name(pin.name)] = specifier.version
    assert len(versions) == len(pins)
    for requirement in requirements():
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_wheel_holds_the_package_and_its_assets_and_nothing_else(tmp_path):
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        file.extractall(tmp_path / "installed")

    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("minillama/**/*.py")}
    mistakes = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("minillama/**/*.txt")}
    shipped = [*ROOT.glob("assets/models/**/*"), *ROOT.glob("assets/tokenizers/**/*")]
    shipped += ROOT.glob("notebooks/*.ipynb")
    assets = {
        f"minillama/{path.relative_to(ROOT).as_posix()}" for path in shipped if path.is_file()
    }
    assert names == modules | mistakes | assets

    for model in ROOT.glob("assets/models/*/config.json"):
        name = model.parent.name
        code = f"import minillama; print(minillama.__file__, *minillama.load({name!r}), sep='\\n')"
        installed = tmp_path / "installed"
        where, *_ = python("-c", code, cwd=tmp_path, PYTHONPATH=str(installed)).splitlines()
        assert Path(where).is_relative_to(installed)

    lessons = {path.name for path in ROOT.glob("notebooks/[0-9][0-9]_*.ipynb")}
    workbook = ["-m", "minillama", "workbook", "book"]
    out = python(*workbook, cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    assert all(name in out for name in lessons)
    assert {path.name for path in (tmp_path / "book").glob("*.ipynb")} == lessons


def test_version_is_a_release():
    import minillama

    assert re.fullmatch(r"\d+\.\d+\.\d+", minillama.__version__)


@pytest.mark.parametrize("name", ["models/toytown-of-old", "nothing/at-all"])
def test_missing_asset_says_what_there_is(name):
    from minillama.system.assets import asset_path

    with pytest.raises(FileNotFoundError, match=f"does not come with '{name}'.* it has "):
        asset_path(name)


def test_the_sample_of_the_corpus_is_what_the_command_writes(tmp_path):
    """`minillama corpus --stories 60 -o assets/toytown/stories.txt`"""
    path = tmp_path / "stories.txt"
    python("-m", "minillama", "corpus", "--stories", "60", "-o", str(path))
    assert path.read_bytes() == (ROOT / "assets" / "toytown" / "stories.txt").read_bytes()
