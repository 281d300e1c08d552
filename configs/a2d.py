"""SSA2D on A2D at paper size.

    python main.py --config=configs/a2d.py --workdir=runs/a2d

Variants: `a2d.py` (paper size), `a2d.py:small` (a width and size that two CPU cores can bear).
"""

from configs import default


def get_config(variant: str = ""):
    config = default.get_config()
    config.data.prepared = "data/a2d"
    config.eval.published = True
    return config
