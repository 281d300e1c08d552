"""SSA2D on your own data: a folder with labels.csv, DAVIS with a labels.csv, or YouTube-VIS JSON.

See docs/own_data.md.

    python main.py --config=configs/folder.py --mode=check --config.data.root=path/to/folder
    python main.py --config=configs/folder.py:kinetics --workdir=runs/own --config.data.root=path/to/folder

The variants are those of `a2d.py`: the paper's size, `small`, `kinetics`, `frozen`, `scratch`, `flow`, `s3d`, `s3d_g`
and the ablations; and one more:

    folder.py:sprites   the small network of sprites.py, from the included weights; the encoder's kernels are frozen,
                        the statistics of its batch norm adapt: minutes on two CPU cores. For a first try and for drawn
                        clips, not for real video. Can't be combined

The data define the classes.
"""

import ml_collections

from configs import a2d, default, sprites


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    words = default.variants(variant, "configs/folder.py", (*a2d.SIZES, "sprites"))
    if "sprites" in words and set(words) != {"sprites"}:
        raise ValueError("sprites, the network of the included weights, can't be combined")
    config = _from_sprites() if "sprites" in words else a2d.get_config(variant)
    config.data.layout = "folder"
    config.data.shards_dir = "data/folder"
    config.eval.published = False
    return config


def _from_sprites() -> ml_collections.ConfigDict:
    """The network of the weights "sprites", which start it; the encoder is frozen, but for batch norm's statistics."""
    config = sprites.get_config()
    config.data.root = ""
    config.data.sprites.train_clips = config.data.sprites.test_clips = 0
    config.init.run = "sprites"
    trained = sprites.get_config("shipped_medium").data  # quicker than the last size that the weights were trained with
    config.data.size, config.data.store_height = trained.size, trained.store_height
    train = config.train
    train.encoder_lr_scale = 0.0
    train.optimizer, train.temporal_lr_scale, train.adam_b2 = "adam", 1.0, 0.999  # compiles faster than Muon
    train.lr_phases = ((0.5, 0.0, 1e-3), (7.5, 1e-3, 0.0))
    train.log_every = 10
    return config
