"""SSA2D on A2D at paper size.

    python main.py --config=configs/a2d.py --workdir=runs/a2d

Variants: `a2d.py` (paper size), `a2d.py:small` (a width and size that two CPU cores can bear).
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    if variant not in ("", "small"):
        raise ValueError(f"configs/a2d.py has no variant {variant!r}; there is small")
    config = default.get_config()
    config.data.prepared = "data/a2d"
    config.data.store_height = 256
    config.data.shuffle_buffer = 512
    config.eval.published = True
    if variant == "small":
        config.data.size = (96, 96)
        config.data.store_height = 160
        config.model.encoder_width = config.model.decoder_width = 0.25
        config.train.batch_size = 8
        config.train.phases = ((0.5, 0.0, 1e-3), (14.5, 1e-3, 0.0))
    return config
