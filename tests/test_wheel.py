"""A wheel holds what a clone runs on, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.paths import ROOT

FOLDERS = {"app", "loaders", "ontology", "shapes", "studies"}


def test_a_wheel_has_the_code_the_bundled_files_and_no_tests(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in packed} == FOLDERS
    here = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    wanted = {path.relative_to(ROOT).as_posix() for path in here if "__pycache__" not in path.parts}
    assert packed == wanted
