"""What a release promises: one version, dependencies with bounds and hashes, and a guide whose example works."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

import samples
from covered import error_lines, faults
from support import VERSION

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUIREMENTS = sorted([*ROOT.glob("requirements*.txt"), *ROOT.glob("deploy/requirements*.txt")])


def text_of(name):
    """Give the text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def requirements_in(path):
    """Give the requirements of a file as `Requirement`s, without its comments and the files that it names."""
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def locked():
    """Give `(requirement, count of hashes)` for each package of requirements.lock."""
    package_and_hashes = r"^(\S+==[^\\\n]+)((?: \\\n +--hash=sha256:[0-9a-f]{64})+)$"
    entries = re.findall(package_and_hashes, text_of("requirements.lock"), re.M)
    return [(Requirement(entry.strip()), hashes.count("--hash")) for entry, hashes in entries]


def blocks(language):
    """Give the blocks of code of CONTRIBUTING.md in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of("CONTRIBUTING.md"), re.M | re.S)


def test_one_version(capsys):
    """Would catch a release whose files name different versions."""
    assert re.search(r"^version: (.*)$", text_of("CITATION.cff"), re.M)[1] == VERSION
    headings = re.findall(r"^## (\S+)", text_of("CHANGELOG.md"), re.M)
    assert next(heading for heading in headings if heading != "Next") == VERSION
    with pytest.raises(SystemExit) as end:
        samples.parse_arguments(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == VERSION + "\n"


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_dependency_has_bounds_and_a_reason(path):
    """Would catch a dependency that takes any version that comes, or that nobody has explained."""
    for requirement in requirements_in(path):
        assert sorted(bound.operator for bound in requirement.specifier) == ["<", ">="], requirement
    for line in path.read_text(encoding="utf-8").splitlines():
        assert line.startswith(("#", "-r")) or line.partition("#")[2].strip(), line


def test_lock_file_fits_the_requirements():
    """Would catch a lock file that was not made anew after a bound had changed, or a package without a hash."""
    packages = locked()
    assert len(packages) == len(re.findall(r"^[^# \n]", text_of("requirements.lock"), re.M))
    assert min(hashes for _, hashes in packages) > 0
    for wanted in requirements_in(ROOT / "requirements.txt"):
        held = [package for package, _ in packages if package.name == wanted.name]
        assert held, f"requirements.lock lacks {wanted.name}"
        for package in held:
            (exact,) = package.specifier
            assert wanted.specifier.contains(exact.version), (package, wanted)


def test_lock_file_is_for_windows_too():
    """Would catch a lock file that was made for one system: on Windows a package of its own is needed."""
    markers = [Marker(str(package.marker)) for package, _ in locked() if package.marker]
    windows = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"}
    assert any(marker.evaluate(windows) and not marker.evaluate({"sys_platform": "linux"}) for marker in markers)


def test_worked_example_of_a_preset(tmp_path):
    """Would catch a guide whose ten lines do not make a preset, or whose commands do not work."""
    for name in ("*.py", "README.md", "modern", "support"):
        for path in ROOT.glob(name):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, tmp_path / path.name)
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "test_readme.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests")
    (row,) = blocks("python")
    assert len(row.splitlines()) == 10
    presets = tmp_path / "presets.py"
    text = presets.read_text(encoding="utf-8")
    end = text.index("\n}\n", text.index("PRESETS = {"))
    presets.write_text(text[: end + 1] + row + text[end + 1 :], encoding="utf-8")

    (commands,) = (block for block in blocks("sh") if "grey_shapes" in block)
    # The copy's tests are not part of what is measured of the six files here.
    measuring = ("PYTEST_ADDOPTS", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
    environment = {name: value for name, value in os.environ.items() if name not in measuring}
    for command in commands.splitlines():
        words = [sys.executable, *command.split()[1:]]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    assert "pictures 32x32x1" in done.stdout
    assert (tmp_path / "runs" / "grey_shapes" / "generator_e001.png").stat().st_size > 0

    table = [sys.executable, "-m", "pytest", "-q", "tests/test_readme.py", "-k", "preset_table or flag_table"]
    lacks = subprocess.run(table, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert "has no row for the preset grey_shapes" in lacks.stdout
    (readme_row,) = blocks("text")
    readme = tmp_path / "README.md"
    text = readme.read_text(encoding="utf-8")
    place = text.index("\n", text.index("\n| `modern` |") + 1) + 1
    text = text[:place] + readme_row + text[place:]
    prints = [sys.executable, "tests/test_readme.py"]
    flags = subprocess.run(prints, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300).stdout
    start, end = text.index("<!-- flags -->") + len("<!-- flags -->"), text.index("<!-- end of flags -->")
    readme.write_text(text[:start] + f"\n{flags}\n" + text[end:], encoding="utf-8")
    has = subprocess.run(table, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert has.returncode == 0, has.stdout


def test_lines_that_tell_errors_are_found():
    """Would catch a check of coverage that overlooks a line that a mistake of the user reaches."""
    code = """def f(x):
    if x:
        raise ValueError('no')
    try:
        g()
    except OSError:
        g()
"""
    assert error_lines(code) == {3, 6, 7}


def test_what_is_not_covered_is_told():
    """Would catch a check that lets a file below 90 % pass, or an error that no test causes."""
    good = {"summary": {"percent_covered": 95.0}, "missing_lines": [1]}
    assert faults({"a.py": good}, {"a.py": "x = 1\n"}) == []
    low = {"summary": {"percent_covered": 89.9}, "missing_lines": []}
    assert faults({"a.py": low}, {"a.py": ""}) == ["a.py: 89.9 % of its lines are covered, 90 are needed"]
    silent = {"summary": {"percent_covered": 95.0}, "missing_lines": [2]}
    told = faults({"a.py": silent}, {"a.py": "if x:\n    raise ValueError('no')\n"})
    assert told == ["a.py:2: no test causes this error"]
    assert faults({"/elsewhere/a.py": good}, {"a.py": ""}) == ["a.py: no test imports it"]
