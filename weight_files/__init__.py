"""Weight files of I3D as other projects publish them, read into numpy arrays by canonical name. Never imports jax."""
