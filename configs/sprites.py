"""The quick start: a small SSA2D on the sprites world, rendered when it's missing.

    python main.py --config=configs/sprites.py --workdir=runs/sprites

About half an hour on two CPU cores as `make demo` runs it; test split: joint mIoU 40.1 (all background: 1.6).

Variants: `sprites.py` (the quick start), `sprites.py:still` (the same with the encoder's temporal kernels cut to
one frame: a control that sees no motion in its encoder), `sprites.py:stills` (no temporal kernel in the decoders
either), `sprites.py:kinetics` (the whole I3D with Kinetics weights, frozen: what it decodes is learnt in minutes, to
compare forms of the network by `--mode=ablate`), `sprites.py:tiny` (seconds instead of minutes; learns nothing, tries
everything), `sprites.py:flow` (RGB and DIS optical flow), `sprites.py:s3d` and `s3d_g` (another encoder,
without and with feature gating), and the ablations: `no_actor_prior`, `add_actor_prior`, `no_ssa_masking`,
`no_atrous`, `no_multi_scale`. Several go together: `sprites.py:tiny,flow`.
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    words = default.variants(variant, "configs/sprites.py", ("still", "stills", "kinetics", "tiny"))
    others = {"tiny", "still", "stills", "s3d", "s3d_g", "flow"} & set(words)
    if "kinetics" in words and others:
        raise ValueError(f"configs/sprites.py: kinetics is the whole I3D for RGB; it doesn't go with {min(others)}")
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
    data.clip_frames, data.frame_step = 8, 2  # 16 frames show every action
    data.label_span = 15
    config.predict.overlap = 4
    config.augment.crop_scale = (0.85, 1.0)
    config.augment.crop_aspect = (0.9, 1.1)
    # The sprites' colours are random already.
    config.augment.brightness = config.augment.contrast = config.augment.saturation = config.augment.hue = 0.0

    config.model.encoder_width = 0.25
    config.model.decoder_width = 0.25
    config.model.temporal_kernels = not {"still", "stills"} & set(words)
    config.model.decoder_temporal_kernels = "stills" not in words

    train = config.train
    train.batch_size = 8
    train.optimizer = "muon"  # learns the sprites in fewer updates than Adam
    train.temporal_lr_scale = 0.5
    train.adam_b2 = 0.97
    train.lr_phases = ((0.2, 0.0, 3e-3), (5.8, 3e-3, 0.0))
    train.save_every = 1000

    if "kinetics" in words:
        default.freeze_kinetics_encoder(config)
        train.lr_phases = ((0.1, 0.0, 3e-3), (0.7, 3e-3, 0.0))

    if "tiny" in words:
        data.root = "data/sprites_tiny/Release"
        data.shards_dir = "data/sprites_tiny/prepared"
        data.sprites.train_clips, data.sprites.test_clips = 60, 45
        config.model.encoder_width = config.model.decoder_width = 0.0625
        data.size = (32, 32)
        train.lr_phases = ((0.2, 1e-3, 1e-3),)
    default.shape_network(config, words)
    return config
