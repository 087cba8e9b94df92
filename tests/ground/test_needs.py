"""A missing browser is a skip on a developer's machine and a failure in CI."""

import shutil
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"


@pytest.fixture
def bare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with our conftest and one browser test, on a machine without any program."""
    shutil.copy(CONFTEST, pytester.path / "conftest.py")
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
        "markers =\n    browser\n    postgres\n"
    )
    pytester.makepyfile(
        "import pytest\n@pytest.mark.browser\ndef test_it(chromium_path): assert chromium_path.name"
    )
    monkeypatch.setenv("PATH", str(pytester.path))
    monkeypatch.delenv("SAFETYNET_CHROMIUM", raising=False)
    return pytester


def test_a_developer_is_told_what_is_missing(
    bare: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    result = bare.runpytest("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*needs Chromium*"])


def test_in_ci_a_missing_browser_fails(
    bare: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    bare.runpytest().assert_outcomes(errors=1)


def test_a_browser_on_the_path_is_used(
    bare: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    program = bare.path / "chromium"
    program.write_text("")
    program.chmod(0o755)
    bare.runpytest().assert_outcomes(passed=1)
