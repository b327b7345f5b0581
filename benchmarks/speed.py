"""How many pictures a second, and how much of what the chip can do? This suite beside PyTorch and the classic loop.

    python benchmarks/speed.py                                        on a CPU: the networks of `cifar10`
    KERAS_BACKEND=jax python benchmarks/speed.py --presets cifar10 folder modern          on a GPU
    python benchmarks/speed.py --torch-python .peers-torch/bin/python                     PyTorch in another environment

Each way to play is a process of its own. All compile at the same time; then they take turns, so that a machine that
becomes slower slows down all of them. The medians of their turns are compared. A batch is copied to the device in each
step, as in training. "of the peak" divides the operations of a step, counted from the kernels' sizes (backward counts
twice: to the data and to the weights), by its time and by what the same chip reaches when it multiplies large matrices
in bfloat16 or, for float32, in its float32 mode (TF32 on a GPU), measured in the same run.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # several processes share the GPU's memory

import support.system.silent_start  # noqa: F401  # isort: skip  (before Keras)

import keras
import numpy as np

import train
from support.models.on_device import to_numbers
from support.system.machine import describe_machine, is_accelerated

# The ways to play. Ours and the classic loop run on the backend of this process, the others on PyTorch.
WAYS = {
    "classic": "classic Keras loop: predict, D twice",
    "tutorial": "one tf.function with gradient tapes, as TensorFlow's tutorial",
    "ours-float32": "this suite, float32",
    "ours-bfloat16": "this suite, bfloat16",
    "torch-float32": "PyTorch, float32",
    "torch-bfloat16": "PyTorch, bfloat16",
    "torch-bfloat16-compiled": "PyTorch, bfloat16, torch.compile",
    "torch-bfloat16-graph": "PyTorch, bfloat16, one CUDA graph a step",
    "torch-bfloat16-compiled-graph": "PyTorch, bfloat16, torch.compile, one CUDA graph a step",
}


def settings_of(preset, arguments):
    """Return a preset's values, with those that depend on the machine filled in, and those that flags replace."""
    settings = dict(train.PRESETS[preset])
    of_machine = train.ON_A_GPU if is_accelerated() else train.ON_A_CPU
    settings |= {name: value for name, value in of_machine.items() if settings[name] is None}
    replaced = {"filters": arguments.filters, "batch_size": arguments.batch_size}
    settings |= {name: value for name, value in replaced.items() if value}
    return settings | {"augment": settings["augment"] or [], "conditional": False}


def build(settings, bfloat16=False):
    """Build the players."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16" if bfloat16 else "float32")
    return train.build_players(settings, 0)


def operations_of_a_step(settings, players):
    """Count the operations of a step: an addition or a multiplication is one.

    Forward a network costs 2 operations for each weight of a kernel and each place where it is used. D's turn, on real
    and on generated pictures: forward and backward (3 times), and G forward for the fakes. G's turn: G forward and
    backward, D forward and backward to its data only.
    """

    def forward(model):
        count = 0
        for layer in model._flatten_layers():
            kernel = getattr(layer, "kernel", None)
            if kernel is None:
                continue
            where = layer.input if isinstance(layer, keras.layers.Conv2DTranspose) else layer.output
            places = int(np.prod(where.shape[1:3])) if len(kernel.shape) == 4 else 1
            count += 2 * int(np.prod(kernel.shape)) * places
        return count

    g, d = forward(players.generator), forward(players.discriminator)
    if settings["loss"] == "relativistic":  # D also sees noisy copies of some pairs; G's turn shows D real ones, too
        pictures = 2 + 2 / settings["slope_of_one_in"]
        return settings["batch_size"] * (4 * g + 3 * pictures * d + 3 * d)
    return settings["batch_size"] * (4 * g + 8 * d)


def measure_peak(bfloat16, size):
    """Measure how many operations a second the chip reaches on square matrices, in this process' backend."""
    dtype = "bfloat16" if bfloat16 else "float32"
    one, other = (keras.ops.cast(keras.random.normal((size, size), seed=seed), dtype) for seed in (0, 1))
    multiply = keras.ops.matmul
    if keras.backend.backend() == "jax":
        import jax

        multiply = jax.jit(multiply)
    seconds = []
    for _ in range(12):
        start = time.perf_counter()
        for _ in range(5):
            result = multiply(one, other)
        float(keras.ops.cast(result[0, 0], "float32"))
        seconds.append((time.perf_counter() - start) / 5)
    return 2 * size**3 / min(seconds)


def player_of(way, settings):
    """Make the function that plays a number of steps and waits for the device, in this process."""
    random = np.random.default_rng(0)
    (height, width), count = settings["image_size"], settings["batch_size"]
    real = random.uniform(-1, 1, (count, height, width, settings["channels"])).astype("float32")
    noise = random.standard_normal((2, count, settings["noise_size"]), dtype="float32")
    players = build(settings, bfloat16=way == "ours-bfloat16")
    if way.startswith("torch"):
        from benchmarks.torch_loop import Loop

        kind = {name: name in way for name in ("bfloat16", "compiled", "graph")}
        loop = Loop(players.generator, players.discriminator, settings, **kind)

        def play(steps):
            for _ in range(steps):
                loop.play(real, noise)
            loop.wait()

        return play
    if way == "classic":

        def play(steps):
            for _ in range(steps):
                play_classic_step(players, real, noise)

        return play
    if way == "tutorial":
        from benchmarks.tensorflow_loop import play_step_of

        tutorial_step = play_step_of(players)

        def play(steps):
            for _ in range(steps):
                loss = tutorial_step(real, noise)
            float(loss)

        return play
    step = train.step_of(settings, players)

    def play(steps):
        for _ in range(steps):
            measured, _ = step(players, real, None, noise)
        to_numbers(measured)

    return play


def play_classic_step(players, real, noise):
    """Play one step as most tutorials do; only the freeze is one that works."""
    count = len(real)
    fake = players.generator.predict(noise[0], verbose=0)
    players.discriminator.train_on_batch(real, np.ones((count, 1)))
    players.discriminator.train_on_batch(fake, np.zeros((count, 1)))
    players.combined.train_on_batch(noise[1], np.ones((count, 1)))


def serve(way, preset, arguments):
    """Be one of the processes: play as many steps as each line says, and print the seconds a step."""
    play = player_of(way, settings_of(preset, arguments))
    play(3)
    print("ready", flush=True)
    for line in sys.stdin:
        steps, start = int(line), time.perf_counter()
        play(steps)
        print((time.perf_counter() - start) / steps, flush=True)


class Process:
    """A way to play, in a process of its own."""

    def __init__(self, way, preset, arguments):
        ours = not way.startswith("torch")
        python = sys.executable if ours else arguments.torch_python
        environment = os.environ | ({} if ours else {"KERAS_BACKEND": "torch"})
        self.way, self.preset = way, preset
        self.process = subprocess.Popen(
            [python, __file__, *arguments.sizes, "--serve", way, preset],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.seconds = []

    def is_ready(self):
        """Wait until it has compiled. Returns False if it failed, and prints its last line."""
        for line in self.process.stdout:
            if line.strip() == "ready":
                return True
        words = self.process.stderr.read().strip().splitlines() or ["no reason given"]
        print(f"{self.preset}, {WAYS[self.way]}: failed: {words[-1][:200]}", flush=True)
        return False

    def play(self, steps):
        """Let it play some steps. Returns the seconds a step."""
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def compare(preset, processes, arguments):
    """Let processes take turns, and print the rows of a preset."""
    settings = settings_of(preset, arguments)
    operations = operations_of_a_step(settings, build(settings))
    first = [process.play(2) for process in processes]  # also compiles what only a second step needs
    steps = max(1, round(arguments.seconds / statistics.median(first)))
    for _ in range(arguments.turns):
        for process in processes:
            process.seconds.append(process.play(steps))
    best = min(
        (statistics.median(process.seconds) for process in processes if process.way.startswith("torch")), default=None
    )
    for process in processes:
        median = statistics.median(process.seconds)
        peak = arguments.peaks["bfloat16" in process.way]
        ratio = "-" if best is None else f"{best / median:.2f}"
        rate = settings["batch_size"] / median
        print(
            f"| `{preset}` | {WAYS[process.way]} | {median * 1000:.2f} | {rate:,.0f} | {ratio} "
            f"| {operations / median / 1e12:.2f} | {operations / median / peak:.0%} |",
            flush=True,
        )


def main():
    """Start the processes, let them take turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=["cifar10"], choices=sorted(train.PRESETS), metavar="PRESET")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), metavar="WAY", help="default: all that fit")
    parser.add_argument("--turns", type=int, default=5, help="turns of each way (default: 5)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long about a turn takes (default: 5)")
    parser.add_argument("--torch-python", default=sys.executable, help="one with PyTorch (default: this one)")
    parser.add_argument("--filters", type=int, default=0, help="another width of the networks, for a quick try")
    parser.add_argument("--batch-size", type=int, default=0, help="another batch size")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(*arguments.serve, arguments)
        return
    arguments.sizes = ["--filters", str(arguments.filters), "--batch-size", str(arguments.batch_size)]
    gpu = is_accelerated()
    of_tensorflow = keras.backend.backend() == "tensorflow"
    ways = [way for way in WAYS if (gpu or "graph" not in way) and (of_tensorflow or way != "tutorial")]
    ways = arguments.ways or ways
    chains = {"cifar10", "folder", "cars", "cifar100"}  # networks that torch_loop.py translates
    processes = {
        preset: [Process(way, preset, arguments) for way in ways if preset in chains or way.startswith("ours")]
        for preset in arguments.presets
    }
    print(describe_machine())
    ready = {preset: [process for process in some if process.is_ready()] for preset, some in processes.items()}
    size = 8192 if gpu else 2048
    names = {False: "float32", True: "bfloat16"}
    arguments.peaks = {bfloat16: measure_peak(bfloat16, size) for bfloat16 in names}
    in_words = [f"{arguments.peaks[bfloat16] / 1e12:.2f} TFLOP/s in {name}" for bfloat16, name in names.items()]
    print(f"matrices of {size} x {size}: {', '.join(in_words)}")
    print("\n| preset | way | ms a step | pictures/s | times the best PyTorch | TFLOP/s | of the peak |")
    print("|---|---|---|---|---|---|---|")
    for preset, some in ready.items():
        compare(preset, some, arguments)
    for some in processes.values():
        for process in some:
            process.process.kill()


if __name__ == "__main__":
    main()
