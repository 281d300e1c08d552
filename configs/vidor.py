"""SSA2D on VidOR: 80 objects and 42 actions, any number of actions per pixel.

    python main.py --config=configs/vidor.py --workdir=runs/vidor --config.data.root=path/to/VidOR

The release has the folders annotation/{training,validation}/ and video/.

Variants:
    vidor.py              the paper's size, RGB
    vidor.py:flow         RGB and optical flow
    vidor.py:sprites      a small model on a small world of figures that act on each other, rendered if it is missing
    vidor.py:s3d, s3d_g   another encoder, without and with feature gating
Ablations: no_actor_prior, add_actor_prior, no_ssa_masking, no_atrous, no_multi_scale.
Variants can be combined: `vidor.py:sprites,flow`.

`vidor.py:sprites` takes 12 minutes on two CPU cores. Test split: actor 50.6, action 31.2, joint mIoU 12.0 (all
background 9.6, 7.8, 1.4), mean average precision of the actions 36.0.
"""

import ml_collections

from configs import default


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    words = default.variants(variant, "configs/vidor.py", ("sprites",))
    config = default.get_config()
    data = config.data
    data.layout = "vidor"
    data.root = "data/VidOR"
    data.shards_dir = "data/vidor"
    data.store_height = 256
    data.shuffle_buffer = 512
    config.eval.batch_size = 2  # maps of 42 actions at the size of the video are large
    if "sprites" in words:
        data.root = "data/sprites_vidor/Release"
        data.shards_dir = "data/sprites_vidor/prepared"
        data.sprites.train_clips, data.sprites.test_clips = 400, 60
        data.sprites.size, data.sprites.frames = (96, 128), 48
        data.size, data.store_height = (64, 80), 64
        data.clip_frames = data.label_span = 8
        data.labels_per_clip, data.clips_per_video = 2, 4
        config.predict.overlap = 4
        config.augment.crop_scale = (0.7, 1.0)
        config.augment.crop_aspect = (0.9, 1.1)
        config.model.encoder_width = config.model.decoder_width = 0.25
        config.train.batch_size = config.eval.batch_size = 8
        config.train.adam_b2 = 0.97
        config.train.lr_phases = ((0.25, 0.0, 3e-3), (5.75, 3e-3, 0.0))
        config.train.save_every = 400
    default.shape_network(config, words)
    return config
