"""The names of what can run a trained network; see ssa2d_jax/backends/."""

AUTO, JAX, OPENVINO = "auto", "jax", "openvino"
BACKENDS = (AUTO, JAX, OPENVINO)
