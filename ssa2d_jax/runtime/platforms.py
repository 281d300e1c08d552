"""The devices that jax offers here, or why it offers none."""

import os

import jax

from ssa2d_jax.utils.errors import InputError

_CUDA = ("cuda", "gpu")


def local_devices() -> list[jax.Device]:
    """The devices of this process.

    Raises:
        InputError: the platforms that JAX_PLATFORMS names are not here.
    """
    try:
        return jax.local_devices()
    except (RuntimeError, AssertionError) as error:  # an assertion of jax where JAX_PLATFORMS=cuda finds no card
        platforms = str(jax.config.read("jax_platforms") or "")
        if not platforms:
            raise
        reason = (str(error).splitlines() or [""])[0]
        source = "JAX_PLATFORMS" if os.environ.get("JAX_PLATFORMS") else "jax_platforms"
        asks_for_cuda = any(name.strip() in _CUDA for name in platforms.split(","))
        install = 'pip install "jax[cuda12]" and look at nvidia-smi, or ' if asks_for_cuda else ""
        raise InputError(
            f"{source}={platforms}: jax finds no such device here{f' ({reason})' if reason else ''}; {install}"
            f"unset {source}: jax then takes what there is (cpu: the processor)"
        ) from error
