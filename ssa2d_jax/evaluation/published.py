"""Scores that the papers print, in percent."""

FULL_MODEL = "full"
# Table 2 of the paper, mIoU on A2D in percent: actor, action, joint.
PUBLISHED_ABLATIONS = {
    FULL_MODEL: (67.5, 46.5, 34.6),
    "no_actor_prior": (65.7, 40.9, 32.1),
    "no_ssa_masking": (67.2, 43.6, 33.8),
    "no_atrous": (62.0, 41.6, 31.7),
    "no_multi_scale": (66.5, 43.1, 33.1),
}

# Test split of A2D, as the papers print it: (actor, action, joint), each glo, ave, mIoU.
PUBLISHED_A2D = {
    "Dang et al. (RGB)": ((95.0, 85.5, 67.0), (92.9, 68.8, 48.1), (92.5, 51.5, 34.5)),
    "SSA2D (RGB)": ((96.1, 79.4, 66.8), (94.4, 66.2, 46.5), (93.8, 49.3, 34.6)),
    "Ji et al. (RGB + flow)": ((94.5, 79.1, 66.4), (92.6, 62.9, 46.3), (92.5, 51.4, 36.9)),
    "Dang et al. (RGB + flow)": ((95.3, 86.0, 68.1), (93.4, 70.7, 51.1), (93.0, 56.4, 38.6)),
    "SSA2D (RGB + flow)": ((96.2, 80.1, 67.5), (94.9, 69.1, 51.3), (95.0, 54.7, 39.5)),
}
# VidOR, as the paper prints it: all classes, and the 20 most frequent ones.
PUBLISHED_VIDOR = {
    "SSA2D": ((72.2, 7.6, 5.1), (66.8, 33.2, 7.9), (41.7, 15.7, 2.1)),
    "SSA2D, most frequent classes": ((54.1, 20.5, 12.5), (70.2, 40.8, 11.7), (44.2, 18.8, 5.1)),
}
