"""The two networks: the published layers, any size, classes that matter, plain layers only."""

import keras
import numpy as np
import pytest
from keras import layers

import discri_keras
import gene_keras
import presets
import train
from modern import sketching
from support.system.errors import InputError


def described(model):
    """List a model's layers with the values that define them."""
    lines = []
    for layer in model.layers:
        if isinstance(layer, layers.Conv2DTranspose | layers.Conv2D):
            values = (layer.filters, layer.kernel_size[0], layer.strides[0], layer.padding, layer.activation.__name__)
        elif isinstance(layer, layers.Dense):
            values = (layer.units, layer.activation.__name__)
        elif isinstance(layer, layers.LeakyReLU):
            values = (round(layer.negative_slope, 6),)
        elif isinstance(layer, layers.Dropout):
            values = (layer.rate,)
        elif isinstance(layer, layers.Reshape):
            values = tuple(layer.target_shape)
        elif isinstance(layer, layers.Activation):
            values = (layer.activation.__name__,)
        elif isinstance(layer, layers.Cropping2D):
            values = layer.cropping
        else:
            values = ()
        lines.append((type(layer).__name__, *values))
    return lines


def test_cifar10_generator_is_the_published_one():
    """Would catch a layer, width, kernel or activation that drifts from the published CIFAR-10 generator."""
    leaky = ("LeakyReLU", 0.2)
    double = ("Conv2DTranspose", 128, 4, 2, "same", "linear")
    assert described(gene_keras.classic_generator(32, 32)) == [
        ("InputLayer",),
        ("Dense", 4 * 4 * 256, "linear"),
        leaky,
        ("Reshape", 4, 4, 256),
        *[double, leaky] * 3,
        ("Conv2D", 3, 3, 1, "same", "linear"),
        ("Activation", "tanh"),
        ("Cropping2D", (0, 0), (0, 0)),
    ]


def test_cifar10_discriminator_is_the_published_one():
    """Would catch a layer, width, stride or dropout that drifts from the published CIFAR-10 discriminator."""
    leaky = ("LeakyReLU", 0.2)
    assert described(discri_keras.classic_discriminator(32, 32)) == [
        ("InputLayer",),
        ("Conv2D", 64, 3, 1, "same", "linear"),
        leaky,
        ("Conv2D", 128, 3, 2, "same", "linear"),
        leaky,
        ("Conv2D", 128, 3, 2, "same", "linear"),
        leaky,
        ("Conv2D", 256, 3, 2, "same", "linear"),
        leaky,
        ("Flatten",),
        ("Dropout", 0.4),
        ("Dense", 1, "linear"),
    ]


def test_parameter_counts_worked_out_by_hand():
    """Would catch a bias left out or a layer fed by the wrong one: the sums below were done on paper."""
    dense = 100 * 4096 + 4096
    double = 4 * 4 * 256 * 128 + 128, 4 * 4 * 128 * 128 + 128, 4 * 4 * 128 * 128 + 128
    assert gene_keras.classic_generator(32, 32).count_params() == dense + sum(double) + 3 * 3 * 128 * 3 + 3
    first, *rest = 3 * 3 * 3 * 64 + 64, 9 * 64 * 128 + 128, 9 * 128 * 128 + 128, 9 * 128 * 256 + 256
    assert discri_keras.classic_discriminator(32, 32).count_params() == first + sum(rest) + 4 * 4 * 256 + 1


def test_dcgan_at_64_follows_the_paper():
    """Would catch a DCGAN whose maps do not go 512, 256, 128, 64, or a D that normalises its first layer."""
    generator = gene_keras.dcgan_generator(64, 64)
    assert [layer.filters for layer in generator.layers if isinstance(layer, layers.Conv2DTranspose)] == [
        256,
        128,
        64,
        3,
    ]
    assert generator.get_layer("start_map").target_shape == (4, 4, 512)
    assert sum(isinstance(layer, layers.BatchNormalization) for layer in generator.layers) == 4
    discriminator = discri_keras.dcgan_discriminator(64, 64)
    assert [layer.filters for layer in discriminator.layers if isinstance(layer, layers.Conv2D)] == [64, 128, 256, 512]
    normalised = [layer.name for layer in discriminator.layers if isinstance(layer, layers.BatchNormalization)]
    assert normalised == ["halve_2_normalization", "halve_3_normalization", "halve_4_normalization"]
    # Section 4 of the paper: weights from a normal distribution of deviation 0.02. 512 * 256 * 16 draws leave the
    # sample's deviation within 0.1 % of it.
    kernel = keras.ops.convert_to_numpy(generator.get_layer("double_1").kernel)
    assert kernel.std() == pytest.approx(0.02, rel=0.01)


def drawn_in_two_parts(height, width, filters, channels=1):
    """Give a model of `sketch_and_strokes` alone."""
    features = keras.Input((height, width, filters))
    return keras.Model(features, sketching.sketch_and_strokes(features, channels, "glorot_uniform"))


def test_the_sketch_is_enlarged_smoothly_and_the_strokes_are_added():
    """Would catch pixels repeated, corners aligned, or tanh before the sum: an edge 0, 1 becomes 0, 1/4, 3/4, 1."""
    model = drawn_in_two_parts(2, 2, 1)
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    model.get_layer("sketch_at_half_size").set_weights([np.full((1, 1, 1, 1), 2.0), np.array([0.5])])
    model.get_layer("strokes").set_weights([np.zeros((3, 3, sketching.STROKE_FILTERS, 1)), np.array([-0.25])])
    features = np.tile(np.array([0.0, 1.0], "float32"), (2, 1)).reshape(1, 2, 2, 1)
    row = np.tanh(0.5 - 0.25 + 2.0 * np.array([0.0, 0.25, 0.75, 1.0]))
    np.testing.assert_allclose(np.array(model(features))[0, :, :, 0], np.tile(row, (4, 1)), rtol=1e-5)


def test_nothing_that_is_drawn_has_a_weave():
    """Would catch a transposed convolution in the drawing: of one colour it makes squares of four colours.

    Away from the border, which two convolutions of 3x3 see from two pixels off.
    """
    keras.utils.set_random_seed(0)
    flat = np.full((1, 6, 6, 5), 0.7, "float32")
    drawn = np.array(drawn_in_two_parts(6, 6, 5)(flat))[0, 2:-2, 2:-2, 0]
    assert np.ptp(drawn) < 1e-6 and abs(drawn[0, 0]) > 1e-3
    transposed = np.array(layers.Conv2DTranspose(1, 4, strides=2, padding="same")(flat))[0, 2:-2, 2:-2, 0]
    assert len(np.unique(transposed.round(5))) == 4


def test_a_sketching_generator_counted_by_hand():
    """Would catch a layer left out, noise that enters at the start alone, or a sketch from another map than half size.

    With 4 filters there, in place of the 4 x 4 x 4 x 3 + 3 = 195 of the transposed convolution 4 x 3 + 3 = 15 for the
    sketch; 4 x 8 + 8 = 40, 3 x 3 x 8 x 8 + 8 = 584 and 3 x 3 x 8 x 3 + 3 = 219 for the strokes. The noise, 100 values,
    decides a scale and a shift of each of the 16 + 8 + 4 filters, in addition to their base: 100 x 28 x 2 = 5,600.
    """
    more = {"noise_size": 100, "filters": 4}
    plain, drawing = gene_keras.dcgan_generator(32, 48, **more), sketching.sketching_generator(32, 48, **more)
    assert drawing.count_params() - plain.count_params() == 15 + 40 + 584 + 219 - 195 + 5600
    of_drawing = dict(zip([layer.name for layer in drawing.layers], described(drawing), strict=True))
    up_to_half_size = [layer.name for layer in plain.layers[:-3]]  # the last three draw at full size, tanh, and crop
    assert [of_drawing[name] for name in up_to_half_size] == described(plain)[:-3]
    doubled = [layer.output.shape for layer in drawing.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert doubled == [(None, 8, 12, 8), (None, 16, 24, 4)]  # and none at full size
    assert drawing.get_layer("sketch_at_half_size").output.shape == (None, 16, 24, 3)
    assert drawing.get_layer("strokes_look").output.shape == (None, 32, 48, 8)


def test_a_smooth_generator_has_the_layers_that_it_shows():
    """Would catch a transposed convolution, pixels that are repeated, not interpolated, or another order of layers."""
    generator = gene_keras.smooth_generator(32, 32, class_count=10, filters=4)
    maps = ["start_shifted", "double_1_shifted", "double_2_shifted", "double_3_activation"]  # the last: not normalised
    assert [generator.get_layer(name).output.shape for name in maps] == [
        (None, 4, 4, 16),
        (None, 8, 8, 16),
        (None, 16, 16, 8),
        (None, 32, 32, 4),
    ]
    convolutions = [layer for layer in generator.layers if isinstance(layer, layers.Conv2D)]
    assert [(layer.kernel_size, layer.strides, layer.output.shape[1]) for layer in convolutions] == [
        ((3, 3), (1, 1), 4),
        ((3, 3), (1, 1), 8),
        ((3, 3), (1, 1), 16),
        ((3, 3), (1, 1), 32),
    ]
    enlarged = [layer for layer in generator.layers if isinstance(layer, layers.UpSampling2D)]
    assert [(layer.size, layer.interpolation) for layer in enlarged] == [((2, 2), "bilinear")] * 3
    assert not any(isinstance(layer, layers.Conv2DTranspose) for layer in generator.layers)


@pytest.mark.parametrize(("network", "weaves"), [("smooth", False), ("dcgan", True)])
def test_columns_away_from_the_border_are_alike(network, weaves):
    """Would catch a weave: from a start map that is the same everywhere, one kernel makes the same pixel everywhere."""
    keras.utils.set_random_seed(0)
    generator = train.NETWORKS[network]["generator"](32, 256, noise_size=5, filters=16)
    start = generator.get_layer("start")  # (5, 4 * 32 * filters of the smallest map)
    kernel = np.tile(np.random.default_rng(0).normal(size=(5, start.units // 128)), 128)
    start.kernel.assign(kernel)
    row = np.array(generator(np.ones((1, 5), "float32"), training=False))[0, 16, 120:136]
    assert np.abs(row).max() > 1e-5
    assert (np.ptp(row, axis=0).max() > 0.01 * np.abs(row).max()) == weaves


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((8, 8), (4, 4, 1)),
        ((9, 15), (5, 8, 1)),
        ((28, 28), (4, 4, 3)),  # 4 * 8 = 32, cropped to 28
        ((32, 32), (4, 4, 3)),
        ((33, 100), (5, 13, 3)),  # ceil(33 / 8), ceil(100 / 8)
        ((240, 360), (4, 6, 6)),  # 256 x 384, cropped
    ],
)
def test_starting_size(size, expected):
    """Would catch a start that is too small to reach the size, or a short side outside 4 to 8."""
    assert gene_keras.starting_size(*size) == expected
    height, width, doublings = expected
    assert height * 2**doublings >= size[0] and width * 2**doublings >= size[1] and 4 <= min(height, width) <= 8


def test_crop_keeps_the_centre():
    """Would catch a crop from one side only: of 5 surplus rows 2 go above, of 4 surplus columns 2 go left."""
    pictures = np.arange(16 * 32, dtype="float32").reshape(1, 16, 32, 1)
    cropped = keras.ops.convert_to_numpy(gene_keras.crop_centre(keras.ops.convert_to_tensor(pictures), 11, 28))
    assert cropped.shape == (1, 11, 28, 1)
    assert cropped[0, 0, 0, 0] == 2 * 32 + 2
    assert cropped[0, -1, -1, 0] == 12 * 32 + 29


@pytest.mark.parametrize("network", train.NETWORKS)
@pytest.mark.parametrize("size", [(8, 8), (9, 15), (28, 28), (40, 24), (33, 70)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_size_and_channels(network, size, channels):
    """Would catch sizes that are no power of two, or not square, coming out wrong from G or refused by D."""
    row = train.NETWORKS[network]
    generator = row["generator"](*size, channels, noise_size=5, filters=2)
    pictures = generator(np.random.default_rng(0).standard_normal((2, 5), dtype="float32"), training=False)
    assert tuple(pictures.shape) == (2, *size, channels)
    assert np.abs(keras.ops.convert_to_numpy(pictures)).max() <= 1.0
    logits = row["discriminator"](*size, channels, filters=2)(pictures, training=False)
    assert logits.shape[0] == 2 and (logits.shape[1] == 1 or network == "taught")  # its branches: test_taught.py


@pytest.mark.parametrize("build", [gene_keras.classic_generator, discri_keras.dcgan_discriminator])
def test_too_small_a_size_is_refused(build):
    """Would catch a size of 7 reaching the layers and failing there with words about kernels."""
    with pytest.raises(ValueError, match="at least 8 pixels, received 7x32"):
        build(7, 32)


@pytest.mark.parametrize("preset", train.PRESETS)
def test_every_preset_builds_networks_that_fit_each_other(preset):
    """Would catch a preset whose row names a network, size or flag that does not build, or a G that D cannot read."""
    machines = {name: value for name, value in presets.ON_A_GPU.items() if train.PRESETS[preset][name] is None}
    settings = train.PRESETS[preset] | machines | {"mixed_precision": False}
    class_count = 10 if settings["conditional"] else 0
    generator, discriminator, combined, *_ = train.build_players(settings, class_count)
    height, width = settings["image_size"]
    assert generator.output_shape == (None, height, width, settings["channels"])
    assert discriminator.input_shape in (generator.output_shape, [generator.output_shape, (None, 1)])
    assert combined.output_shape == (None, 2 if preset == "modern" else 1)  # a pair, or one picture
    assert generator.inputs[0].shape[1] == settings["noise_size"]


def test_presets_carry_the_published_values():
    """Would catch a published system's size, loss, batch, epochs or Adam drifting in the table."""
    names = ["image_size", "loss", "label_smoothing", "batch_size", "epochs", "learning_rate", "beta_1", "save_every"]
    rows = {preset: [values[name] for name in names] for preset, values in train.PRESETS.items()}
    assert rows["cifar10"] == [[32, 32], "bce", 0.0, 128, 200, 2e-4, 0.5, 10]
    assert rows["cifar100"][:7] == [[32, 32], "hinge", 0.0, 256, 50, 2e-4, 0.5]
    assert rows["cars"] == [[240, 360], "bce", 0.1, 128, 800, 1e-4, 0.5, 100]
    assert rows["folder"][:7] == [[64, 64], "bce", 0.0, 128, 200, 2e-4, 0.5]
    assert train.PRESETS["cifar100"]["plot_every"] == 1 and train.PRESETS["cars"]["shuffle_window"] == 8000


def test_the_class_changes_the_picture():
    """Would catch a class input that is embedded and then forgotten."""
    generator = gene_keras.classic_generator(8, 8, noise_size=5, class_count=3, filters=2)
    noise = np.ones((3, 5), "float32")
    pictures = keras.ops.convert_to_numpy(generator([noise, np.array([[0], [1], [1]])], training=False))
    assert np.abs(pictures[0] - pictures[1]).max() > 1e-4
    assert np.array_equal(pictures[1], pictures[2])


@pytest.mark.parametrize(("class_count", "expected"), [(0, [22.0, 22.0]), (2, [22.0, 29.0])])
def test_the_noise_decides_scale_and_shift(class_count, expected):
    """Would catch scale and shift exchanged, class numbers that meet other rows, or a share that replaces the other.

    Stored statistics of mean 1 and variance 4 - epsilon make (5 - 1) / 2 = 2 of 5, and it stays 2 before anything was
    learnt. Then the scale is 1 + 3 z and the shift 4 z, for class 1 with 0.5 and 6 more: noise of 2 makes 7 x 2 + 8 =
    22 and 7.5 x 2 + 14 = 29.
    """
    features, class_number, noise = keras.Input((1, 1, 1)), keras.Input((1,), dtype="int32"), keras.Input((1,))
    answer = gene_keras.normalize_by_noise(features, "start", noise, class_number, class_count)
    model = keras.Model([features, class_number, noise], answer)
    inputs = [np.full((2, 1, 1, 1), 5.0, "float32"), np.array([[0], [1]]), np.full((2, 1), 2.0, "float32")]
    model.get_layer("start_normalization").set_weights([np.array([1.0]), np.array([4.0 - 1e-3])])
    answers = keras.ops.convert_to_numpy(model(inputs, training=False))
    np.testing.assert_allclose(answers[:, 0, 0, 0], [2.0, 2.0], rtol=1e-5)
    model.get_layer("start_scale_by_noise").kernel.assign([[3.0]])
    model.get_layer("start_shift_by_noise").kernel.assign([[4.0]])
    if class_count:
        model.get_layer("start_scale").set_weights([np.array([[1.0], [1.5]])])
        model.get_layer("start_shift").set_weights([np.array([[0.0], [6.0]])])
    answers = keras.ops.convert_to_numpy(model(inputs, training=False))
    np.testing.assert_allclose(answers[:, 0, 0, 0], expected, rtol=1e-5)


def test_classes_of_a_dcgan_enter_once():
    """Would catch a class that is joined to the noise as well, or a network without classes that looks any up."""
    for class_count, embeddings in ((0, 0), (3, 4)):  # a scale and a shift at 4x4 and at 8x8
        generator = gene_keras.dcgan_generator(16, 16, noise_size=5, class_count=class_count, filters=2)
        found = [layer for layer in generator.layers if isinstance(layer, keras.layers.Embedding)]
        assert len(found) == embeddings
        assert generator.get_layer("start").kernel.shape[0] == 5


def test_projection_is_the_scalar_product_with_the_class_vector():
    """Would catch class numbers meeting the wrong pictures, or a class term that is not features . embedding."""
    discriminator = discri_keras.classic_discriminator(8, 8, class_count=3, filters=2, dropout=0.0)
    features = keras.Model(discriminator.inputs, discriminator.get_layer("features").output)
    pictures = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 3)).astype("float32")
    classes = np.array([[2], [0], [1]])
    vectors = keras.ops.convert_to_numpy(features([pictures, classes]))
    kernel, bias = discriminator.get_layer("logit").get_weights()
    embedding = discriminator.get_layer("class_embedding").get_weights()[0]
    by_hand = [vectors[row] @ kernel[:, 0] + bias[0] + vectors[row] @ embedding[classes[row, 0]] for row in range(3)]
    logits = keras.ops.convert_to_numpy(discriminator([pictures, classes], training=False))
    np.testing.assert_allclose(logits[:, 0], by_hand, rtol=1e-4, atol=1e-5)


def test_rounding_before_tanh_moves_no_pixel_by_a_grey_level():
    """Would catch tanh in bfloat16: near 1 its values are half a grey level apart, which shows as bands of colour.

    bfloat16 has 8 bits: from 1 to 2 its numbers are 2^-7 apart, so x is off by at most 2^-8. The slope of tanh there is
    at most 1 - tanh(1)^2 = 0.42, and a grey level is 1 / 127.5: 0.42 x 127.5 / 256 = 0.209 of one. From 0.5 to 1 it is
    0.79 x 127.5 / 512 = 0.196, and less elsewhere.
    """
    values = np.linspace(-4, 4, 4001, dtype="float32")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        drawn = keras.ops.convert_to_numpy(gene_keras.tanh(keras.ops.cast(values, "bfloat16")))
    finally:
        keras.config.set_dtype_policy("float32")
    assert 0.18 < np.abs(drawn - np.tanh(values)).max() * 127.5 < 0.21


def test_mixed_precision_keeps_pictures_and_logits_in_float32():
    """Would catch pictures in bfloat16, whose 8 bits show as bands of colour, and losses computed on coarse logits."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator = gene_keras.dcgan_generator(8, 8, noise_size=5, class_count=2, filters=2)
        discriminator = discri_keras.dcgan_discriminator(8, 8, class_count=2, filters=2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert generator.get_layer("start").compute_dtype == "bfloat16"
    assert generator.output.dtype == "float32" and discriminator.output.dtype == "float32"
    assert {variable.dtype for variable in generator.trainable_variables} == {"float32"}


def test_own_networks_without_classes_in_a_run_with_classes(monkeypatch):
    """Would catch a traceback of Keras for somebody's first own networks."""
    settings = presets.PRESETS["shapes"] | {"generator_batch_normalization": False, "network": "own", "augment": []}

    def of_one_input(build):
        return lambda class_count=0, **arguments: build(class_count=0, **arguments)

    row = train.NETWORKS["dcgan"]
    own = {name: of_one_input(row[name]) for name in ("generator", "discriminator")}
    monkeypatch.setitem(train.NETWORKS, "own", row | own)
    with pytest.raises(InputError, match=r"the generator has 1 input, .* noise and class numbers; .* --no-conditional"):
        train.build_players(settings, 10)
    monkeypatch.setitem(train.NETWORKS, "own", row | {"discriminator": own["discriminator"]})
    with pytest.raises(InputError, match=r"the discriminator has 1 input, .* pictures and class numbers"):
        train.build_players(settings, 10)
