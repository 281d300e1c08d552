"""A small SSA2D on the sprites world, which is rendered if it is missing.

    python main.py --config=configs/sprites.py --workdir=runs/sprites

Takes about half an hour on two CPU cores. Joint mIoU on the test split: 40.1 (all background: 1.6).

Variants:
    sprites.py              the short training
    sprites.py:shipped_small, shipped_medium, shipped
                            the three trainings of the included weights, "sprites", with frames of 64x64, 128x128 and
                            192x192, each from the weights of the one before: `make train` does all three
    sprites.py:still        every temporal kernel of the encoder covers one frame: a control without motion there
    sprites.py:stills       every temporal kernel of the decoders covers one frame as well
    sprites.py:kinetics     the whole I3D with Kinetics weights, frozen; the decoders learn in minutes, so that
                            `--mode=ablate` can compare variants of the network
    sprites.py:tiny         takes seconds instead of minutes and learns nothing, with the smallest encoder
    sprites.py:flow         RGB and DIS optical flow
    sprites.py:s3d, s3d_g   another encoder, without and with feature gating
Ablations: no_actor_prior, add_actor_prior, no_ssa_masking, no_atrous, no_multi_scale.
Variants can be combined: `sprites.py:tiny,flow`.
"""

import ml_collections

from configs import default

# The trainings of the included weights, in their order.
SHIPPED = ("shipped_small", "shipped_medium", "shipped")


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    words = default.variants(variant, "configs/sprites.py", (*SHIPPED, "still", "stills", "kinetics", "tiny"))
    others = {*SHIPPED, "tiny", "still", "stills", "s3d", "s3d_g", "flow"} & set(words)
    if "kinetics" in words and others:
        raise ValueError(f"configs/sprites.py: kinetics, the whole I3D for RGB, can't be combined with {min(others)}")
    if len({*SHIPPED, "tiny"} & set(words)) > 1:
        raise ValueError(f"configs/sprites.py: of {', '.join(SHIPPED)} and tiny only one can be chosen")
    config = default.get_config()
    data = config.data
    data.root = "data/sprites/Release"
    data.shards_dir = "data/sprites/prepared"
    data.sprites.train_clips = 3000
    data.sprites.test_clips = 300
    data.sprites.frames = 20
    data.sprites.labelled = 3
    data.size = (64, 64)
    data.store_height = 64
    data.clip_frames, data.frame_step = 8, 2  # 16 frames of the video show every action
    data.label_span = 15
    config.predict.overlap = 4
    config.augment.crop_scale = (0.85, 1.0)
    config.augment.crop_aspect = (0.9, 1.1)
    # The sprites' colours are already random.
    config.augment.brightness = config.augment.contrast = config.augment.saturation = config.augment.hue = 0.0

    config.model.encoder_width = 0.25
    config.model.decoder_width = 0.25
    config.model.temporal_kernels = not {"still", "stills"} & set(words)
    config.model.decoder_temporal_kernels = "stills" not in words

    train = config.train
    train.batch_size = 8
    train.optimizer = "muon"  # learns the sprites in fewer steps than Adam
    train.temporal_lr_scale = 0.5
    train.adam_b2 = 0.97
    train.lr_phases = ((0.2, 0.0, 3e-3), (5.8, 3e-3, 0.0))
    train.save_every = 1000

    if "kinetics" in words:
        default.freeze_kinetics_encoder(config)
        train.lr_phases = ((0.1, 0.0, 3e-3), (0.7, 3e-3, 0.0))

    if set(SHIPPED) & set(words):
        data.root = "data/sprites_shipped/Release"
        data.shards_dir = "data/sprites_shipped/prepared"
        data.sprites.train_clips = 7000
        data.sprites.labelled = 8
        train.batch_size = 16
        train.lr_phases = ((0.3, 0.0, 3e-3), (7.5, 3e-3, 8.97e-4), (1.4, 8.97e-4, 0.0))
        train.save_every, train.eval_every = 250, 1250
    if {"shipped_medium", "shipped"} & set(words):
        config.init.run = "runs/sprites_shipped_small"
        data.size = (128, 128)  # the size of the rendered clips
        data.store_height = 128
        train.batch_size = 8
        train.lr_phases = ((0.1, 0.0, 2e-3), (3.9, 2e-3, 0.0))
    if "shipped" in words:
        config.init.run = "runs/sprites_shipped_medium"
        data.size = (192, 192)  # enlarged, so that the network's grid, a quarter of its input, is finer
        train.lr_phases = ((0.1, 0.0, 1.5e-3), (2.9, 1.5e-3, 0.0))
        train.eval_every = 1300

    if "tiny" in words:
        data.root = "data/sprites_tiny/Release"
        data.shards_dir = "data/sprites_tiny/prepared"
        data.sprites.train_clips, data.sprites.test_clips = 60, 45
        config.model.encoder_width = config.model.decoder_width = 0.0625
        data.size = (32, 32)
        config.model.encoder = "pooled"
        train.optimizer = "adam"  # compiles in half the time
        train.lr_phases = ((0.2, 1e-3, 1e-3),)
    default.shape_network(config, words)
    return config
