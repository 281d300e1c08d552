"""SSA2D on A2D, at the paper's size.

    python main.py --config=configs/a2d.py --workdir=runs/a2d

Variants:
    a2d.py              the paper's size, RGB
    a2d.py:small        narrower network and smaller frames, for two CPU cores
    a2d.py:kinetics     the whole I3D with Kinetics weights, frozen, and narrow decoders: for few clips, two CPU cores
    a2d.py:frozen       the paper's network with narrower decoders, its encoder frozen with Kinetics weights
    a2d.py:scratch      the same with random initial weights, trained completely
    a2d.py:flow         RGB and TV-L1 optical flow
    a2d.py:s3d, s3d_g   another encoder, without and with feature gating
    a2d.py:action_context, actor_context, mixed_4f    what `kinetics` has; it can do without: no_action_context,
                        no_actor_context, mixed_5c
Ablations: no_actor_prior, add_actor_prior, no_ssa_masking, no_atrous, no_multi_scale.
Variants can be combined: `a2d.py:small,flow`.
"""

import ml_collections

from configs import default

SIZES = ("small", "kinetics", "frozen", "scratch")


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    words = default.variants(variant, "configs/a2d.py", SIZES)
    if len(set(SIZES) & set(words)) > 1:
        raise ValueError("configs/a2d.py: small, kinetics, frozen and scratch can't be combined; choose one")
    config = default.get_config()
    config.data.shards_dir = "data/a2d"
    config.data.store_height = 256
    config.data.shuffle_buffer = 512
    config.eval.published = True
    if "small" in words:
        config.data.size = (96, 96)
        config.data.store_height = 160
        config.model.encoder_width = config.model.decoder_width = 0.25
        config.train.batch_size = 8
        config.train.lr_phases = ((0.5, 0.0, 1e-3), (14.5, 1e-3, 0.0))
    if "kinetics" in words:
        _learn_from_few_clips(config)
    if "frozen" in words or "scratch" in words:
        config.data.size = (96, 160)
        config.data.store_height = 160
        config.model.decoder_width = 0.25
        config.train.batch_size = 8
        config.train.optimizer = "muon"
        config.train.temporal_lr_scale = 0.5
        config.train.lr_phases = ((1.0, 0.0, 2e-3), (19.0, 2e-3, 0.0))
    if "frozen" in words:
        default.freeze_kinetics_encoder(config)
    default.shape_network(config, words)
    return config


def _learn_from_few_clips(config: ml_collections.ConfigDict) -> None:
    """About a hundred clips and two CPU cores: a frozen encoder, narrow decoders, the clip's context, and a vote."""
    default.freeze_kinetics_encoder(config)
    config.data.size = (144, 192)
    config.data.store_height = 240
    config.model.decoder_width = 0.125
    config.model.decoder_input = "Mixed_4f"
    config.model.action_context = config.model.actor_context = True
    config.model.context_endpoints, config.model.context_dropout = ("Mixed_3c", "Mixed_4f"), 0.5
    config.eval.mask_vote = 1.0
    config.train.batch_size = 8
    config.train.optimizer = "muon"
    config.train.temporal_lr_scale = 0.5
    config.train.ema_decay = 0.98
    config.train.save_every = 100  # five minutes on two cores; with few clips, all steps are fewer than the default 500
    config.train.lr_phases, config.train.min_steps = ((1.0, 0.0, 2e-3), (23.0, 2e-3, 0.0)), 200
