"""The layouts that data may have: their names in config.data.layout, and their titles in reports."""

LAYOUT_TITLES = {"a2d": "A2D layout", "vidor": "VidOR layout", "folder": "your own data"}
FIXED_CLASSES = ("a2d", "vidor")  # layouts with the same classes in all releases; other data name their own classes
