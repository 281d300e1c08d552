"""Every knob once, with its comment: SSA2D at paper size on A2D, RGB."""

import ml_collections

# Ablations (the paper's Table 2) and other forms of the network, for every data set: name -> knobs of config.model.
NETWORK_VARIANTS = {
    "no_actor_prior": {"actor_prior": "off"},
    "add_actor_prior": {"actor_prior": "add"},
    "no_ssa_masking": {"ssa_masking": False},
    "no_atrous": {"atrous": False},
    "no_multi_scale": {"multi_scale": False},
    "flow": {"flow": True},
    "s3d": {"encoder": "s3d", "feature_gating": False},
    "s3d_g": {"encoder": "s3d", "feature_gating": True},
}


def variants(variant: str, file: str, own: tuple[str, ...]) -> list[str]:
    """The words of `variant` ("small,no_atrous"), each one of `own` or of NETWORK_VARIANTS; ValueError for another."""
    words = [word for word in variant.split(",") if word]
    unknown = [word for word in words if word not in own and word not in NETWORK_VARIANTS]
    if unknown:
        raise ValueError(f"{file} has no variant {unknown[0]!r}; there are {', '.join((*own, *NETWORK_VARIANTS))}")
    return words


def shape_network(config: ml_collections.ConfigDict, words: list[str]) -> None:
    """Applies those of `words` that are NETWORK_VARIANTS."""
    for word in words:
        config.model.update(NETWORK_VARIANTS.get(word, {}))
    if config.model.flow and not config.data.flow:
        # TV-L1 would take hours for rendered clips.
        config.data.flow = "dis" if config.data.sprites.train_clips else "tvl1"


def freeze_kinetics_encoder(config: ml_collections.ConfigDict) -> None:
    """The whole I3D for RGB with Kinetics weights, and none of it trained: only what decodes its features learns."""
    config.init.encoder_weights = "weights/i3d_kinetics400_rgb.safetensors"  # by make weights
    config.model.encoder_width = 1.0
    config.model.freeze_encoder_stats = True
    config.train.encoder_lr_scale = 0.0


def get_config() -> ml_collections.ConfigDict:
    """The paper's model and training; other configs start here and say only what differs."""
    config = ml_collections.ConfigDict()
    config.seed = 0  # parameters, data order and augmentation all follow from it

    data = config.data = ml_collections.ConfigDict()
    data.layout = "a2d"  # of the release, and with it the classes: "a2d", "vidor" (several a pixel), "folder" (yours)
    data.root = ""  # folder in that layout; "" downloads A2D itself
    data.sprites = ml_collections.ConfigDict()  # sprites world: what to render into `release` when it's missing
    data.sprites.train_clips = 0  # clips to render; 0 = nothing is rendered, the release has to be there
    data.sprites.test_clips = 0  # clips to render for the test split
    data.sprites.size = (128, 128)  # height, width in pixels
    data.sprites.frames = 32  # frames a clip
    data.sprites.seed = 0  # of the rendered clips
    data.sprites.labelled = 5  # annotated frames a clip, every second one around the middle
    data.sprites.max_actors = 4  # 1 to this many actors a clip
    data.sprites.processes = 2  # that render side by side; the labels don't depend on it
    data.shards_dir = "data/prepared"  # where the TFRecord shards go; each release gets its own folder inside
    data.store_height = 0  # frames are stored at this height in pixels (labels stay as they are); 0 = as they are
    data.jpeg_quality = 95  # of the stored frames, 1 to 100
    data.strict = False  # true: prepare fails at the end if any video had to be left out
    data.clip_frames = 16  # T, divisible by 4
    data.frame_step = 1  # every how many frames of the video the clip takes one
    data.label_span = 13  # labelled frames at most this many frames apart (first to last, counted in) share a clip
    data.clips_per_video = 8  # VidOR: clips a video: on average (train, drawn evenly over predicates) or at most (test)
    data.labels_per_clip = 4  # VidOR: labelled frames a clip, evenly spaced
    data.spatial = False  # VidOR: true takes the 8 spatial predicates as actions, too
    data.processes = 2  # that prepare videos side by side; the shards don't depend on it
    data.beam = ""  # VidOR: options of an Apache Beam pipeline that prepares, "--runner=... ..."; "" = processes
    data.size = (224, 224)  # H, W of the network's input in pixels, divisible by 16
    data.flow = ""  # optical flow to put into the records: "", "tvl1" (slow, what I3D's flow weights know) or "dis"
    data.flow_height = 0  # flow is estimated at this height in pixels; 0 = that of data.size
    data.shuffle_buffer = 1024  # clips, shuffled while still encoded
    data.decode_threads = 0  # parallel decoding of clips; 0 = tf.data's own choice

    augment = config.augment = ml_collections.ConfigDict()
    augment.crop_scale = (0.5, 1.0)  # share of the frame's area that a random crop keeps; (1, 1) = no crop
    augment.crop_aspect = (0.8, 1.25)  # how far a crop's aspect may leave the frame's own
    augment.flip = True  # mirrored left to right, half of the time
    augment.jitter_time = True  # the clip starts at random around its labelled frames
    augment.brightness = 0.2  # at most this share of full scale up or down
    augment.contrast = 0.2  # factor in 1 +- this
    augment.saturation = 0.2  # factor in 1 +- this
    augment.hue = 0.05  # at most this share of the colour circle

    model = config.model = ml_collections.ConfigDict()
    model.encoder = "i3d"  # or "s3d": every kernel over time and space as one over space, then one over time
    model.feature_gating = False  # s3d: gates after its temporal convolutions, "S3D-G"
    model.encoder_width = 1.0  # multiplies the encoder's channel counts
    model.decoder_width = 1.0  # multiplies the decoders' channel counts
    model.temporal_kernels = True  # false: every temporal kernel of the encoder is one frame (a control, not a model)
    model.decoder_temporal_kernels = True  # false: every temporal kernel of the decoders, too
    model.flow = False  # two streams, RGB and optical flow; needs data.flow
    model.actor_prior = "concat"  # AP-Infusion: "concat", "add" or "off"
    model.ssa_masking = True  # SSA-Masking of the action features
    model.atrous = True  # false: the atrous pyramid's four convolutions have rate 1
    model.multi_scale = True  # false: the feature pyramid's laterals are left out
    model.bfloat16 = False  # activations in bfloat16; parameters, statistics and losses stay float32
    model.batch_norm_momentum = 0.9  # of the running statistics
    # The encoder's batch norm uses its running statistics while training, too: only sensible with trained weights.
    model.freeze_encoder_stats = False

    init = config.init = ml_collections.ConfigDict()  # what a fresh run starts from; a resumed one reads none of it
    init.encoder_weights = ""  # file of trained I3D weights for RGB, in any format that it comes in; "" = random
    init.flow_weights = ""  # the same for the trunk of optical flow
    init.run = ""  # workdir or exported .safetensors of an earlier run; outputs for other classes start at random

    loss = config.loss = ml_collections.ConfigDict()
    loss.actor_weight = 1.3  # of the actor branch in the sum
    loss.action_weight = 1.3  # of the action branch
    loss.mask_weight = 0.3  # of the foreground mask branch

    train = config.train = ml_collections.ConfigDict()
    train.batch_size = 14  # clips an update, over all devices
    train.grad_accum_steps = 1  # the update's clips go through in this many equal parts, one after another
    # Rows of (epochs, learning rate at the start, at the end), linear between.
    train.lr_phases = ((5.0, 1e-4, 1e-4), (6.0, 1e-5, 1e-5))
    train.optimizer = "adam"  # or "muon": orthogonalised momentum for kernels, Adam for the rest; not the paper's
    train.muon_factor = 10.0  # muon: rate of kernels, as a multiple of the phases' rate
    train.temporal_lr_scale = 1.0  # below 1: kernels' temporal taps off the middle learn slower; 0.5 helps from scratch
    train.adam_b1 = 0.9  # decay of the gradient's mean
    train.adam_b2 = 0.999  # decay of its square's mean
    train.adam_eps = 1e-8  # added to the root of that
    train.encoder_lr_scale = 1.0  # multiplies the encoder's learning rate; 0 = frozen, which trains faster
    train.encoder_frozen_steps = 0  # updates for which the encoder stays as it is
    train.weight_decay = 0.0  # decoupled, on kernels alone
    train.clip_gradient = 1.0  # global norm at most this; 0 = off
    train.ema_decay = 0.0  # moving average of weights (not of batch norm's statistics) to evaluate with; 0 = off
    train.log_every = 50  # updates
    train.eval_every = 0  # updates; 0 = only at the end
    train.eval_splits = ("test",)  # or ("test", "train"); the first one's joint mIoU decides which checkpoint is best
    train.save_every = 500  # updates; every evaluation and the last update save too
    train.keep_checkpoints = 2  # newest checkpoints kept, beside the best by joint mIoU
    train.image_clips = 4  # clips drawn at every evaluation, of each: the first, the best and the worst

    config.ablate = ml_collections.ConfigDict()
    config.ablate.variants = (
        "full",
        "no_actor_prior",
        "no_ssa_masking",
        "no_atrous",
        "no_multi_scale",
    )  # trained in turn
    config.ablate.seeds = (0,)  # each form is trained once with each of them, in place of `seed`

    config.eval = ml_collections.ConfigDict()
    config.eval.batch_size = 8  # clips, over all devices
    config.eval.step = 0  # checkpoint to evaluate or predict with: a step, 0 = the newest, -1 = the best
    config.eval.threshold = 0.5  # where a pixel may have several actions: it has those of this probability or more
    config.eval.published = False  # print the published table of the data set beside the scores

    config.predict = ml_collections.ConfigDict()
    config.predict.overlap = 8  # frames that neighbouring windows share, 0 <= overlap < clip_frames
    config.predict.batch_size = 1  # windows at a time
    config.predict.opacity = 0.55  # of the labels in the overlay, 0 to 1
    config.predict.tracks = True  # write tracks.json and tracks.csv, instances over time
    config.predict.track_frames = 4  # tracks of fewer frames are dropped
    config.predict.track_confidence = 0.0  # tracks of a lower mean confidence are dropped, 0 to 1
    config.predict.draw_tracks = False  # boxes with the tracks' numbers in the overlay, in place of class names
    config.predict.max_pixels = 4096 * 2304  # a frame with more pixels is refused
    return config
