"""From releases to batches, by TensorFlow, which only reads data here: it stays quiet and leaves oneDNN off."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
