"""SSA2D: single-shot actor-action detection in videos, in JAX and Flax."""

__version__ = "0.1.0"
