"""SSA2D on your own data: a folder with labels.csv, DAVIS with a labels.csv, or YouTube-VIS JSON (see the README).

    python main.py --config=configs/folder.py --mode=check --config.data.root=path/to/folder
    python main.py --config=configs/folder.py:kinetics --workdir=runs/own --config.data.root=path/to/folder

The variants are those of `a2d.py`: the paper's size, `small`, `kinetics`, `scratch`, `flow`, `s3d`, `s3d_g` and the
ablations; and one more:

    folder.py:sprites   the small network of sprites.py, from the weights that come with the package, its encoder
                        frozen: minutes on two CPU cores. For a first try and for drawn clips, not for real video

The data define the classes.
"""

import ml_collections

from configs import a2d, sprites


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = _from_sprites() if variant == "sprites" else a2d.get_config(variant)
    config.data.layout = "folder"
    config.data.shards_dir = "data/folder"
    config.eval.published = False
    return config


def _from_sprites() -> ml_collections.ConfigDict:
    """The network of the weights "sprites", which start it, with a frozen encoder."""
    config = sprites.get_config()
    config.data.root = ""
    config.data.sprites.train_clips = config.data.sprites.test_clips = 0
    config.init.run = "sprites"
    train = config.train
    train.encoder_lr_scale = 0.0
    train.optimizer, train.temporal_lr_scale, train.adam_b2 = "adam", 1.0, 0.999  # compiles faster than Muon
    train.lr_phases = ((0.5, 0.0, 1e-3), (7.5, 1e-3, 0.0))
    train.log_every = 10
    return config
