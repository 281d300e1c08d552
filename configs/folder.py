"""SSA2D on data of one's own: a folder with labels.csv, DAVIS with one in it, YouTube-VIS's JSON (see the README).

    python main.py --config=configs/folder.py --mode=check --config.data.root=path/to/folder
    python main.py --config=configs/folder.py:kinetics --workdir=runs/own --config.data.root=path/to/folder

Variants as those of `a2d.py`: paper size, `small`, `kinetics`, `scratch`, `flow`, `s3d`, `s3d_g` and the ablations. The
classes are those that the data name.
"""

import ml_collections

from configs import a2d


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = a2d.get_config(variant)
    config.data.layout = "folder"
    config.data.shards_dir = "data/folder"
    config.eval.published = False
    return config
