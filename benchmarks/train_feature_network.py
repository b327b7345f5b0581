"""Train the small classifier whose last features are one of the two measures of quality.py.

    python benchmarks/train_feature_network.py --data cifar10_train.zip --test-data cifar10_test.zip --out features.pt

It learns CIFAR-10's ten classes from the training split, on one thread and from one seed, so that the same versions on
the same kind of machine give the same weights; it never sees a generated picture. Needs PyTorch
(requirements-peers-torch.txt). The file stores the share of the test split that it names right, and quality.py prints
it.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import nn

import defDATA
from support.system.atomic_files import written_beside
from support.system.command_line import OneLineParser, whole_number
from support.system.errors import InputError, one_line_errors

FEATURES = 256
SEED = 0
EPOCHS, BATCH = 7, 256  # nine minutes of one core of an AMD EPYC
HIGHEST_LEARNING_RATE = 0.2
WARM_UP = 0.2  # the share of the steps after which it is reached; then down to 0 in a straight line
MOMENTUM, WEIGHT_DECAY, LABEL_SMOOTHING = 0.9, 5e-4, 0.1
SHIFT = 2  # pixels, at most, by which a training picture is moved


class CifarFeatures(nn.Module):
    """Four convolutions with batch normalization and ReLU, each at half the size; the mean over places; a linear layer.

    Input shape:
        Pictures `(b, 3, 32, 32)`, float32 in [-1, 1].

    Output shape:
        Ten logits `(b, 10)`; `features` gives what they are computed from, `(b, 256)`.
    """

    def __init__(self, class_count=10):
        super().__init__()

        def block(inputs, outputs, kernel=3, stride=1):
            convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=1, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.body = nn.Sequential(
            *block(3, 32, kernel=4, stride=2),  # (b, 32, 16, 16): at full size it would cost as much as all the rest
            *block(32, 64),
            nn.MaxPool2d(2),  # (b, 64, 8, 8)
            *block(64, 128),
            nn.MaxPool2d(2),  # (b, 128, 4, 4)
            *block(128, FEATURES),
            nn.AdaptiveAvgPool2d(1),  # (b, 256, 1, 1)
            nn.Flatten(),  # (b, 256)
        )
        self.answer = nn.Linear(FEATURES, class_count)  # (b, 10)

    def features(self, pictures):
        """Give what the classes are told from: `(b, 256)`, all at least 0."""
        return self.body(pictures)

    def forward(self, pictures):
        return self.answer(self.body(pictures))


def to_tensor(images):
    """Turn uint8 pictures `(n, height, width, 3)` into float32 `(n, 3, height, width)` in [-1, 1], channels last."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    return (tensor.float() / 127.5 - 1.0).contiguous(memory_format=torch.channels_last)


def augmented(images, random):
    """Mirror half of the uint8 pictures `(b, h, w, c)`, and move each by up to two pixels; the edge is mirrored in."""
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="reflect")
    count, height, width, _ = images.shape
    top, left = random.integers(0, 2 * SHIFT + 1, (2, count, 1, 1))
    moved = padded[np.arange(count)[:, None, None], top + np.arange(height)[:, None], left + np.arange(width)]
    mirrored = random.random(count) < 0.5
    moved[mirrored] = moved[mirrored, :, ::-1]
    return moved


@torch.inference_mode()
def accuracy(network, images, labels, batch=500):
    """Compute the share of pictures whose class the network names right."""
    network.eval()
    right = 0
    for start in range(0, len(images), batch):
        answers = network(to_tensor(images[start : start + batch])).argmax(dim=1).numpy()
        right += int((answers == labels[start : start + batch]).sum())
    return right / len(images)


def train(images, labels, epochs=EPOCHS):
    """Train the classifier on uint8 pictures `(n, 32, 32, 3)` and their class numbers `(n,)`. Returns it."""
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    network = CifarFeatures(int(labels.max()) + 1).to(memory_format=torch.channels_last)
    steps = epochs * (len(images) // BATCH)
    optimizer = torch.optim.SGD(
        network.parameters(), HIGHEST_LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: np.interp(step / steps, [0.0, WARM_UP, 1.0], [0.05, 1.0, 0.0])
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    for epoch in range(1, epochs + 1):
        network.train()
        start, losses = time.monotonic(), []
        for chosen in random.permutation(len(images))[: len(images) // BATCH * BATCH].reshape(-1, BATCH):
            loss = loss_of(network(to_tensor(augmented(images[chosen], random))), torch.from_numpy(labels[chosen]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch} of {epochs}: loss {np.mean(losses):.3f}, {time.monotonic() - start:.0f} s", flush=True)
    return network


def main(arguments=None):
    """Train, measure on the test split, write."""
    parser = OneLineParser("train_feature_network.py", description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="PATH", help="CIFAR-10's training split, a folder a class")
    parser.add_argument("--test-data", required=True, metavar="PATH", help="its test split, likewise")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="FILE", help="where the weights go")
    parser.add_argument("--epochs", type=whole_number(), default=EPOCHS, help=argparse.SUPPRESS)  # to try it out
    arguments = parser.parse_args(arguments)
    with one_line_errors("train_feature_network.py"):
        splits = [defDATA.load_pictures(path, 32, 32, 3) for path in (arguments.data, arguments.test_data)]
        for path, pictures in zip((arguments.data, arguments.test_data), splits, strict=True):
            if pictures.labels is None:
                raise InputError(f"{path} has no classes; give CIFAR-10 with one folder a class, or with y_train")
        (train_images, train_labels), (test_images, test_labels) = (
            (np.asarray(pictures.images[np.arange(len(pictures))]), np.asarray(pictures.labels, "int64"))
            for pictures in splits
        )
        torch.set_num_threads(1)  # two threads add the same numbers in another order
        torch.use_deterministic_algorithms(True)
        start = time.monotonic()
        network = train(train_images, train_labels, arguments.epochs)
        seconds = time.monotonic() - start
        test_accuracy = accuracy(network, test_images, test_labels)
        about = {"test_accuracy": test_accuracy, "torch": str(torch.__version__), "epochs": arguments.epochs}
        with written_beside(arguments.out) as temporary:
            torch.save({"weights": network.state_dict(), "about": about}, temporary)
        print(f"wrote {arguments.out}: names {test_accuracy:.2%} of the test split right, trained for {seconds:.0f} s")


if __name__ == "__main__":
    main()
