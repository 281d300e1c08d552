"""SSA2D on your own data: a folder with labels.csv, DAVIS with a labels.csv, or YouTube-VIS JSON (see the README).

    python main.py --config=configs/folder.py --mode=check --config.data.root=path/to/folder
    python main.py --config=configs/folder.py:kinetics --workdir=runs/own --config.data.root=path/to/folder

The variants are those of `a2d.py`: the paper's size, `small`, `kinetics`, `scratch`, `flow`, `s3d`, `s3d_g` and the
ablations. The data define the classes.
"""

import ml_collections

from configs import a2d


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = a2d.get_config(variant)
    config.data.layout = "folder"
    config.data.shards_dir = "data/folder"
    config.eval.published = False
    return config
