"""SNGAN, spectral normalization with the hinge loss, in PyTorch at 32x32: a peer of quality.py.

    TORCH_PYTHON benchmarks/peers/torch_sngan.py --data pictures.npz --out FOLDER --minutes 10

Written from Miyato et al. 2018 (https://arxiv.org/abs/1802.05957): the standard convolutional networks for CIFAR-10,
not the residual ones, of whose steps a CPU plays only a handful in minutes; one power iteration a step; the hinge
losses of their equations 16 and 17. From their six settings of Adam it starts with that of DCGAN: 2e-4, beta1 0.5,
beta2 0.999, one step of D for each of G, batch 64; the rest are flags (`--discriminator-steps 5`). First weights,
which the paper leaves open, are DCGAN's, N(0, 0.02).

It draws with the averages that batch normalization stored in training; `--sampling batch` normalises each batch by
itself.
"""

import numpy as np
import torch
from peer import Clock, endless_batches, load_pictures, peer_parser, to_uint8, write_result
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm
from torch_setup import choose_device, choose_numbers, computing_in, draw, name_of, to_tensor

from support.system.command_line import whole_number
from support.system.errors import one_line_errors


class Generator(nn.Module):
    """Noise `(b, z)` to pictures `(b, 3, 32, 32)` in [-1, 1]."""

    def __init__(self, noise_size, width):
        super().__init__()

        def double(inputs, outputs):
            convolution = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.start = nn.Linear(noise_size, 8 * width * 4 * 4)  # (b, 8192)
        self.body = nn.Sequential(
            nn.Unflatten(1, (8 * width, 4, 4)),  # (b, 512, 4, 4)
            *double(8 * width, 4 * width),  # (b, 256, 8, 8)
            *double(4 * width, 2 * width),  # (b, 128, 16, 16)
            *double(2 * width, width),  # (b, 64, 32, 32)
            nn.Conv2d(width, 3, 3, 1, 1),  # (b, 3, 32, 32)
            nn.Tanh(),
        )

    def forward(self, noise):
        return self.body(self.start(noise))


class Discriminator(nn.Module):
    """Pictures `(b, 3, 32, 32)` to logits `(b,)`; each layer is divided by its largest singular value."""

    def __init__(self, width):
        super().__init__()

        def layer(inputs, outputs, kernel, stride):
            return [spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, 1)), nn.LeakyReLU(0.1, inplace=True)]

        self.body = nn.Sequential(
            *layer(3, width, 3, 1),  # (b, 64, 32, 32)
            *layer(width, width, 4, 2),  # (b, 64, 16, 16)
            *layer(width, 2 * width, 3, 1),  # (b, 128, 16, 16)
            *layer(2 * width, 2 * width, 4, 2),  # (b, 128, 8, 8)
            *layer(2 * width, 4 * width, 3, 1),  # (b, 256, 8, 8)
            *layer(4 * width, 4 * width, 4, 2),  # (b, 256, 4, 4)
            *layer(4 * width, 8 * width, 3, 1),  # (b, 512, 4, 4)
            nn.Flatten(),  # (b, 8192)
            spectral_norm(nn.Linear(8 * width * 4 * 4, 1)),  # (b, 1)
        )

    def forward(self, pictures):
        return self.body(pictures).flatten()


def start_weights(module):
    """Set a layer's first weights: N(0, 0.02) for kernels, 0 for biases."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def main():
    """Train for the minutes given, then draw."""
    defaults = {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999, "batch_size": 64, "width": 64, "noise_size": 128}
    parser = peer_parser("torch_sngan.py", __doc__.splitlines()[0], **defaults)
    parser.add_argument("--discriminator-steps", type=whole_number(), default=1, help="published: 1 or 5")
    parser.add_argument("--sampling", choices=("batch", "stored"), default="stored", help="published: stored")
    arguments = parser.parse_args()
    with one_line_errors("torch_sngan.py"):
        images, device = load_pictures(arguments.data), choose_device()
        numbers = choose_numbers(device)
        torch.manual_seed(arguments.seed)
        batches = endless_batches(images, arguments.batch_size, np.random.default_rng(arguments.seed))
        generator = Generator(arguments.noise_size, arguments.width).apply(start_weights)
        discriminator = Discriminator(arguments.width)
        for network in (generator, discriminator):
            network.to(device, memory_format=torch.channels_last)
        adam = {"lr": arguments.learning_rate, "betas": (arguments.beta_1, arguments.beta_2)}
        move_g = torch.optim.Adam(generator.parameters(), **adam)
        move_d = torch.optim.Adam(discriminator.parameters(), **adam)

        def make_fakes():
            with computing_in(device, numbers):
                return generator(torch.randn(arguments.batch_size, arguments.noise_size, device=device))

        clock = Clock(arguments.minutes)
        while clock.goes_on():
            # (1) D: minimise max(0, 1 - D(x)) + max(0, 1 + D(G(z)))
            for _ in range(arguments.discriminator_steps):
                real = to_tensor(next(batches), device)
                with torch.no_grad():
                    fake = make_fakes()
                move_d.zero_grad()
                with computing_in(device, numbers):
                    on_real, on_fake = discriminator(torch.cat([real, fake])).float().chunk(2)
                d_loss = functional.relu(1.0 - on_real).mean() + functional.relu(1.0 + on_fake).mean()
                d_loss.backward()
                move_d.step()

            # (2) G: minimise -D(G(z))
            move_g.zero_grad()
            discriminator.requires_grad_(False)  # nobody asks for its gradients here: not to be computed
            with computing_in(device, numbers):
                on_generated = discriminator(make_fakes())
            g_loss = -on_generated.float().mean()
            g_loss.backward()
            discriminator.requires_grad_(True)
            move_g.step()
            clock.step(d_loss.detach(), g_loss.detach())
        seconds = clock.seconds

        generator.train(arguments.sampling == "batch")
        fakes = to_uint8(draw(generator, arguments.n, arguments.batch_size, arguments.noise_size, device))
        more = {"numbers": name_of(numbers), "threads": torch.get_num_threads(), "device": str(device)}
        pictures_a_step = arguments.batch_size * arguments.discriminator_steps
        write_result(arguments, seconds, clock, pictures_a_step, fakes, {"torch": torch.__version__}, **more)


if __name__ == "__main__":
    main()
