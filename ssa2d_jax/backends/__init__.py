"""What runs a trained network on clips: jax itself, or OpenVINO, which is faster on CPUs."""
