"""Devices that are not here are an error in a line."""

import jax
import pytest

from ssa2d_jax.runtime.platforms import local_devices
from ssa2d_jax.utils.errors import InputError


def test_the_devices_of_this_process():
    assert local_devices() == jax.local_devices() and len(local_devices()) == 4


@pytest.mark.parametrize(
    ("platforms", "error", "said"),
    [
        ("cuda", AssertionError(), "JAX_PLATFORMS=cuda: jax finds no such device here; pip install"),
        ("tpu", RuntimeError("Unable to initialize backend 'tpu'"), r"device here \(Unable .*\); unset JAX_PLATFORMS"),
    ],
)
def test_platforms_that_are_not_here_are_named_with_what_to_do(monkeypatch, platforms, error, said):
    def fail():
        raise error

    monkeypatch.setattr(jax, "local_devices", fail)
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    monkeypatch.setattr(type(jax.config), "read", lambda config, name: platforms)
    with pytest.raises(InputError, match=said):
        local_devices()


def test_an_error_that_no_platform_explains_is_not_hidden(monkeypatch):
    def fail():
        raise RuntimeError("something else")

    monkeypatch.setattr(jax, "local_devices", fail)
    monkeypatch.setattr(type(jax.config), "read", lambda config, name: None)
    with pytest.raises(RuntimeError, match="something else"):
        local_devices()
