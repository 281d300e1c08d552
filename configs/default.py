"""Every option with its comment; the defaults are SSA2D on A2D, RGB, at the paper's size."""

import ml_collections

from ssa2d_jax.runs import defaults

_CONTEXT: dict[str, object] = {"context_endpoints": ("Mixed_3c", "Mixed_4f"), "context_dropout": 0.5}
# Ablations (the paper's Table 2) and other variants of the network, for every data set: name -> options of
# config.model.
NETWORK_VARIANTS: dict[str, dict[str, object]] = {
    "no_actor_prior": {"actor_prior": "off"},
    "add_actor_prior": {"actor_prior": "add"},
    "no_ssa_masking": {"ssa_masking": False},
    "no_atrous": {"atrous": False},
    "no_multi_scale": {"multi_scale": False},
    "action_context": {"action_context": True, **_CONTEXT},
    "no_action_context": {"action_context": False},
    "actor_context": {"actor_context": True, **_CONTEXT},
    "no_actor_context": {"actor_context": False},
    "mixed_4f": {"decoder_input": "Mixed_4f"},
    "mixed_5c": {"decoder_input": "Mixed_5c"},
    "flow": {"flow": True},
    "s3d": {"encoder": "s3d", "feature_gating": False},
    "s3d_g": {"encoder": "s3d", "feature_gating": True},
}


def variants(variant: str, file: str, own: tuple[str, ...]) -> list[str]:
    """Split `variant` ("small,no_atrous") into names; ValueError for a name not in `own` or NETWORK_VARIANTS."""
    words = [word for word in variant.split(",") if word]
    unknown = [word for word in words if word not in own and word not in NETWORK_VARIANTS]
    if unknown:
        raise ValueError(f"{file} has no variant {unknown[0]!r}; allowed: {', '.join((*own, *NETWORK_VARIANTS))}")
    return words


def shape_network(config: ml_collections.ConfigDict, words: list[str]) -> None:
    """Apply the names in `words` that are NETWORK_VARIANTS."""
    for word in words:
        config.model.update(NETWORK_VARIANTS.get(word, {}))
    if config.model.flow and not config.data.flow:
        # TV-L1 would take hours for the rendered clips.
        config.data.flow = "dis" if config.data.sprites.train_clips else "tvl1"


def freeze_kinetics_encoder(config: ml_collections.ConfigDict) -> None:
    """Use the whole I3D for RGB with Kinetics weights, frozen: only the decoders learn."""
    config.init.encoder_weights = "weights/i3d_kinetics400_rgb.safetensors"  # `make weights` writes it
    config.model.encoder_width = 1.0
    config.model.freeze_encoder_stats = True
    config.train.encoder_lr_scale = 0.0


def get_config() -> ml_collections.ConfigDict:
    """The paper's model and training; other configs start here and set only what differs."""
    config = ml_collections.ConfigDict()
    config.seed = 0  # determines parameters, data order and augmentation

    data = config.data = ml_collections.ConfigDict()
    data.layout = "a2d"  # of data.root; determines the classes: "a2d", "vidor" (multi-label), "folder" (your own)
    data.root = ""  # folder of the release; "" downloads A2D
    data.sprites = ml_collections.ConfigDict()  # the clips to render when data.root is missing
    data.sprites.train_clips = 0  # training clips; 0 = render nothing, the release must exist
    data.sprites.test_clips = 0  # test clips
    data.sprites.size = (128, 128)  # height, width in pixels
    data.sprites.frames = 32  # frames in a clip
    data.sprites.seed = 0  # seed of the rendered clips
    data.sprites.labelled = 5  # annotated frames in a clip: every second frame around the middle
    data.sprites.max_actors = 4  # a clip has 1 to this many actors
    data.sprites.processes = 2  # processes that render in parallel; the labels don't depend on it
    data.shards_dir = "data/prepared"  # folder for the TFRecord shards; each release gets its own folder inside
    data.store_height = 0  # stored frames have this height in pixels (labels keep their size); 0 = the video's own
    data.jpeg_quality = 95  # of the stored frames, 1 to 100
    data.strict = False  # true: prepare fails at the end if it had to leave out a video
    data.clip_frames = 16  # frames in a clip (T), divisible by 4
    data.frame_step = 1  # the clip takes every n-th frame of the video
    data.label_span = 13  # labelled frames share a clip if they span at most this many frames, first and last included
    data.clips_per_video = 8  # VidOR: average (train, balanced over the predicates) or maximum (test)
    data.labels_per_clip = 4  # VidOR: labelled frames in a clip, evenly spaced
    data.spatial = False  # VidOR: true adds the 8 spatial predicates to the actions
    data.processes = 2  # processes that prepare videos in parallel; the shards don't depend on it
    data.beam = ""  # VidOR: options of an Apache Beam pipeline that prepares, "--runner=... ..."; "" = local processes
    data.size = (224, 224)  # height and width (H, W) of the network's input in pixels, divisible by 16
    data.flow = ""  # optical flow in the records: "", "tvl1" (slow, fits I3D's flow weights) or "dis"
    data.flow_height = 0  # flow is estimated at this height in pixels; 0 = the height in data.size
    data.shuffle_buffer = 1024  # clips in the shuffle buffer, which holds them encoded
    data.decode_threads = 0  # threads that decode clips; 0 = one for each core, at most 16

    augment = config.augment = ml_collections.ConfigDict()
    augment.crop_scale = (0.5, 1.0)  # range of the share of the frame's area that a random crop keeps; (1, 1) = no crop
    augment.crop_aspect = (0.8, 1.25)  # range of a crop's aspect ratio relative to the frame's
    augment.flip = True  # mirrors half of the clips left to right
    augment.jitter_time = True  # the clip starts at a random frame around its labelled frames
    augment.brightness = 0.2  # largest change, as a share of full scale
    augment.contrast = 0.2  # largest deviation of the factor from 1
    augment.saturation = 0.2  # largest deviation of the factor from 1
    augment.hue = 0.05  # largest change, as a share of the colour circle

    model = config.model = ml_collections.ConfigDict()
    model.encoder = "i3d"  # or "s3d": splits kernels over time and space; "pooled": the smallest, to try things
    model.feature_gating = False  # s3d: gates after the temporal convolutions, "S3D-G"
    model.encoder_width = 1.0  # multiplies the encoder's channel counts
    model.decoder_width = 1.0  # multiplies the decoders' channel counts
    model.temporal_kernels = True  # false: every kernel of the encoder covers one frame (a control)
    model.decoder_temporal_kernels = True  # false: every kernel of the decoders covers one frame
    model.flow = False  # two streams, RGB and optical flow; needs data.flow
    model.actor_prior = "concat"  # AP-Infusion: "concat", "add" or "off"
    model.ssa_masking = True  # SSA-Masking of the action features
    model.atrous = True  # false: the four convolutions of the atrous pyramid have rate 1
    model.multi_scale = True  # false: the feature pyramid has no lateral connections
    model.decoder_input = "Mixed_5c"  # or "Mixed_4f", where a frozen encoder knows better where things are
    model.action_context = False  # the clip as a whole, and its foreground, add to the actions' logits; not the paper's
    model.actor_context = False  # the same for the actors' logits
    model.context_endpoints = ("Mixed_4f", "Mixed_5c")  # what the context goes by; also "Mixed_3c"
    # Share of the context's features that training leaves out, 0 up to 1; drawn by step and place in the batch.
    model.context_dropout = 0.0
    model.bfloat16 = False  # activations in bfloat16; parameters, statistics and losses stay float32
    model.batch_norm_momentum = 0.9  # momentum of the running statistics
    # The encoder's batch norm uses its running statistics in training, too: useful only with trained weights.
    model.freeze_encoder_stats = False

    init = config.init = ml_collections.ConfigDict()  # only a new run reads these; a resumed run doesn't
    init.encoder_weights = ""  # file with trained I3D weights for RGB, in any known format; "" = random
    init.flow_weights = ""  # file with trained I3D weights for the flow trunk; "" = random
    init.run = ""  # workdir or exported .safetensors file of an earlier run; outputs for other classes start at random

    loss = config.loss = ml_collections.ConfigDict()
    loss.actor_weight = 1.3  # weight of the actor branch in the sum
    loss.action_weight = 1.3  # weight of the action branch
    loss.mask_weight = 0.3  # weight of the foreground mask branch

    train = config.train = ml_collections.ConfigDict()
    train.batch_size = 14  # clips in a training step, over all devices
    train.grad_accum_steps = 1  # a step's clips are processed in this many equal parts, one after the other
    # Rows of (epochs, learning rate at the start, at the end), linear between.
    train.lr_phases = ((5.0, 1e-4, 1e-4), (6.0, 1e-5, 1e-5))
    train.min_steps = 0  # where lr_phases give fewer steps, for few clips, all phases are longer in proportion
    train.optimizer = "adam"  # or "muon": orthogonalised momentum for kernels, Adam for the rest; not the paper's
    train.muon_factor = 10.0  # muon: learning rate of kernels, as a multiple of the rate in lr_phases
    train.temporal_lr_scale = 1.0  # below 1: kernel taps off the middle frame learn more slowly; 0.5 helps from scratch
    train.adam_b1 = 0.9  # decay of the gradient's mean
    train.adam_b2 = 0.999  # decay of the squared gradient's mean
    train.adam_eps = 1e-8  # added to the root of the squared gradient's mean
    train.encoder_lr_scale = 1.0  # multiplies the encoder's learning rate; 0 = frozen, which trains faster
    train.encoder_frozen_steps = 0  # the encoder is frozen for this many steps at the start
    train.weight_decay = 0.0  # decoupled, applied only to kernels
    train.clip_gradient = 1.0  # maximum of the gradient's global norm; 0 = off
    # Moving average of the weights (not of batch norm's statistics) to evaluate with, smaller at the start; 0 = off
    train.ema_decay = 0.0
    train.log_every = 50  # steps between log entries
    train.eval_every = 0  # steps between evaluations; 0 = only at the end
    train.eval_splits = ("test",)  # or ("test", "train"); joint mIoU on the first one selects the best checkpoint
    train.save_every = 500  # steps between checkpoints; every evaluation and the last step also save
    train.keep_checkpoints = 2  # newest checkpoints to keep, in addition to the best by joint mIoU
    train.image_clips = 4  # clips of each kind to draw at every evaluation: the first, the best and the worst

    config.ablate = ml_collections.ConfigDict()
    # Trained in this order; also add_actor_prior, s3d, s3d_g, and flow if data.flow is set.
    config.ablate.variants = (
        "full",
        "no_actor_prior",
        "no_ssa_masking",
        "no_atrous",
        "no_multi_scale",
    )
    config.ablate.seeds = (0,)  # each variant is trained once with each of these seeds; they replace `seed`

    # Options of evaluation, prediction and reading exports, with their comments: ssa2d_jax/runs/defaults.py.
    config.eval = ml_collections.ConfigDict(defaults.eval_defaults())
    config.predict = ml_collections.ConfigDict(defaults.predict_defaults())
    config.convert = ml_collections.ConfigDict(defaults.convert_defaults())
    return config
