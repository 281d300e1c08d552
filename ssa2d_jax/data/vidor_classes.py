"""VidOR's classes and splits: 80 objects, 42 actions, 8 spatial predicates. No framework in here."""

# Folders of the annotations by split; the official test split has no public boxes.
SPLIT_FOLDERS = {"train": "training", "test": "validation"}

OBJECTS = (
    "adult", "aircraft", "antelope", "baby", "baby_seat", "baby_walker", "backpack", "ball/sports_ball", "bat", "bear",
    "bench", "bicycle", "bird", "bottle", "bread", "bus/truck", "cake", "camel", "camera", "car", "cat", "cattle/cow",
    "cellphone", "chair", "chicken", "child", "crab", "crocodile", "cup", "dish", "dog", "duck", "electric_fan",
    "elephant", "faucet", "fish", "frisbee", "fruits", "guitar", "hamster/rat", "handbag", "horse", "kangaroo",
    "laptop", "leopard", "lion", "microwave", "motorcycle", "oven", "panda", "penguin", "piano", "pig", "rabbit",
    "racket", "refrigerator", "scooter", "screen/monitor", "sheep/goat", "sink", "skateboard", "ski", "snake",
    "snowboard", "sofa", "squirrel", "stingray", "stool", "stop_sign", "suitcase", "surfboard", "table", "tiger",
    "toilet", "toy", "traffic_light", "train", "turtle", "vegetables", "watercraft",
)  # fmt: skip
ACTIONS = (
    "bite", "caress", "carry", "chase", "clean", "close", "cut", "drive", "feed", "get_off", "get_on", "grab", "hit",
    "hold", "hold_hand_of", "hug", "kick", "kiss", "knock", "lean_on", "lick", "lift", "open", "pat",
    "play(instrument)", "point_to", "press", "pull", "push", "release", "ride", "shake_hand_with", "shout_at", "smell",
    "speak_to", "squeeze", "throw", "touch", "use", "watch", "wave", "wave_hand_to",
)  # fmt: skip
# Positions relative to another object: not actions, but annotated like them.
SPATIAL = ("above", "away", "behind", "beneath", "in_front_of", "inside", "next_to", "towards")
FREQUENT_OBJECTS = (
    "adult", "child", "toy", "baby", "chair", "dog", "car", "table", "cup", "sofa", "ball/sports_ball", "bottle",
    "screen/monitor", "guitar", "cat", "backpack", "bicycle", "baby_seat", "watercraft", "bird",
)  # fmt: skip
FREQUENT_ACTIONS = (
    "watch", "lean_on", "hold", "play(instrument)", "ride", "hug", "speak_to", "hold_hand_of", "carry", "use", "bite",
    "caress", "touch", "push", "press", "pull", "wave", "feed", "hit", "chase",
)  # fmt: skip
