"""The command line as a whole: what it does whatever the command."""

import subprocess
import sys
from pathlib import Path

from tests.app.conftest import make_bundle


def test_a_reader_that_has_enough_is_no_failure_to_tell(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    command = (sys.executable, "-m", "safetynet.app.cli", "city", "describe", str(bundle))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    assert process.returncode == 141
