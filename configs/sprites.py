"""The quick start: a small SSA2D on the sprites world, rendered when it's missing.

    python main.py --config=configs/sprites.py --workdir=runs/sprites

About 18 minutes on two CPU cores as `make demo` runs it; test split: joint mIoU 26.2 (all background: 1.6).

Variants: `sprites.py` (the quick start), `sprites.py:still` (the same with the encoder's temporal kernels cut to
one frame: a control that sees no motion in its encoder; joint mIoU 30.7), `sprites.py:tiny` (seconds instead of minutes; learns
nothing, tries everything).
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    if variant not in ("", "still", "tiny"):
        raise ValueError(f"configs/sprites.py has no variant {variant!r}; there are still and tiny")
    config = default.get_config()
    data = config.data
    data.release = "data/sprites/Release"
    data.prepared = "data/sprites/prepared"
    data.render.train_clips = 2000
    data.render.test_clips = 300
    data.render.frames = 16
    data.render.labelled = 3
    data.size = (64, 64)
    data.store_height = 64
    data.clip_frames = data.label_span = 8
    config.predict.overlap = 4
    config.augment.crop_scale = (0.7, 1.0)
    config.augment.crop_aspect = (0.9, 1.1)

    config.model.encoder_width = 0.25
    config.model.decoder_width = 0.25
    config.model.temporal_kernels = variant != "still"

    train = config.train
    train.batch_size = 8
    train.adam_b2 = 0.97
    train.phases = ((0.25, 0.0, 3e-3), (10.15, 3e-3, 0.0))
    train.save_every = 1000

    if variant == "tiny":
        data.release = "data/sprites_tiny/Release"
        data.prepared = "data/sprites_tiny/prepared"
        data.render.train_clips, data.render.test_clips = 60, 45
        config.model.encoder_width = config.model.decoder_width = 0.0625
        data.size = (32, 32)
        train.phases = ((0.2, 1e-3, 1e-3),)
    return config
