"""What is installed is what was pinned: every package by name and release, nothing from elsewhere.

Known weaknesses are looked up by `make audit`, which needs the index's advisories.
"""

import subprocess
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import PROJECT

EXTRAS = ("dev", "cluster")
OF_PYTHON = {"pip", "setuptools", "wheel"}
"""Brought by the virtual environment, not by us."""


def pins() -> dict[str, Version]:
    """Names and releases of constraints.txt."""
    found = {}
    for line in (PROJECT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, is_exact, release = line.partition("==")
            assert is_exact, f"{line!r} does not name one release"
            found[canonicalize_name(name)] = Version(release)
    return found


def needed(name: str, extras: tuple[str, ...]) -> dict[str, list[Requirement]]:
    """All packages that a package needs on this machine, and what each of them is asked to be."""
    wanted: dict[str, list[Requirement]] = {}
    waiting, seen = [(name, extra) for extra in ("", *extras)], set[tuple[str, str]]()
    while waiting:
        package, extra = waiting.pop()
        if (package, extra) in seen:
            continue
        seen.add((package, extra))
        for text in distribution(package).requires or ():
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            other = canonicalize_name(requirement.name)
            wanted.setdefault(other, []).append(requirement)
            waiting += [(other, one) for one in ("", *requirement.extras)]
    return wanted


@pytest.fixture(scope="module")
def wanted() -> dict[str, list[Requirement]]:
    found = needed("offtape", EXTRAS)
    assert len(found) > 100
    return found


def test_every_package_is_pinned_and_installed_as_pinned(
    wanted: dict[str, list[Requirement]],
) -> None:
    known = pins()
    assert sorted(set(wanted) - set(known) - OF_PYTHON - {"offtape"}) == []
    other = {
        name: (str(known[name]), installed(name).version)
        for name in set(wanted) & set(known)
        if Version(installed(name).version) != known[name]
    }
    assert other == {}


def test_no_package_is_asked_to_be_what_it_is_not(wanted: dict[str, list[Requirement]]) -> None:
    broken = [
        f"{name} {installed(name).version} is asked to be {requirement.specifier}"
        for name, requirements in wanted.items()
        for requirement in requirements
        if not requirement.specifier.contains(installed(name).version, prereleases=True)
    ]
    assert broken == []


def test_no_package_comes_from_elsewhere_than_the_index(
    wanted: dict[str, list[Requirement]],
) -> None:
    linked = [name for name in wanted if installed(name).read_text("direct_url.json")]
    assert [name for name in linked if name != "offtape"] == []


def test_pins_name_releases_only() -> None:
    for line in (PROJECT / "constraints.txt").read_text().splitlines():
        assert not {"@", "/", " --"} & set(line) or line.startswith("#")


def installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        pytest.fail(f"{name} is needed and not installed")


def test_no_pinned_release_has_a_known_weakness() -> None:
    done = subprocess.run(
        ["make", "audit"], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300
    )
    said = done.stdout + done.stderr
    if done.returncode and "known vulnerabilit" not in said:
        pytest.skip(f"no advisories to ask: {said[-200:]}")
    assert done.returncode == 0, said
