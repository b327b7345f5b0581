"""The DCGAN of the PyTorch examples, at 32x32: a peer of quality.py.

    TORCH_PYTHON benchmarks/peers/torch_dcgan.py --data pictures.npz --out FOLDER --minutes 10

Written anew from the published recipe (https://github.com/pytorch/examples/tree/main/dcgan, after Radford et al. 2016):
noise 100, width 64, weights from N(0, 0.02), batch 64, Adam 2e-4 with beta1 0.5, binary cross-entropy, batch
normalization, D on real and on fake pictures apart. That example makes 64x64; for 32x32 the widest of its five layers
falls away in each network. Faster than there: channels last, bfloat16 on chips that have it, and no gradients of D's
weights in G's turn, where nobody uses them.

The example draws with the generator in training mode: each batch is normalised by itself. So does this; `--sampling
stored` normalises with the averages stored in training instead.
"""

import numpy as np
import torch
from peer import Clock, endless_batches, load_pictures, peer_parser, to_uint8, write_result
from torch import nn
from torch.nn import functional
from torch_setup import choose_device, choose_numbers, computing_in, draw, name_of, to_tensor

from support.system.errors import one_line_errors


class Generator(nn.Module):
    """Noise `(b, z)` to pictures `(b, 3, 32, 32)` in [-1, 1]."""

    def __init__(self, noise_size, width):
        super().__init__()

        def double(inputs, outputs, stride=2, padding=1):
            convolution = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.body = nn.Sequential(
            *double(noise_size, 4 * width, stride=1, padding=0),  # (b, 256, 4, 4)
            *double(4 * width, 2 * width),  # (b, 128, 8, 8)
            *double(2 * width, width),  # (b, 64, 16, 16)
            nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False),  # (b, 3, 32, 32)
            nn.Tanh(),
        )

    def forward(self, noise):
        return self.body(noise[:, :, None, None])


class Discriminator(nn.Module):
    """Pictures `(b, 3, 32, 32)` to logits `(b,)`; the sigmoid is in the loss."""

    def __init__(self, width):
        super().__init__()

        def halve(inputs, outputs, normalize=True):
            convolution = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
            return [convolution, *[nn.BatchNorm2d(outputs)] * normalize, nn.LeakyReLU(0.2, inplace=True)]

        self.body = nn.Sequential(
            *halve(3, width, normalize=False),  # (b, 64, 16, 16)
            *halve(width, 2 * width),  # (b, 128, 8, 8)
            *halve(2 * width, 4 * width),  # (b, 256, 4, 4)
            nn.Conv2d(4 * width, 1, 4, 1, 0, bias=False),  # (b, 1, 1, 1)
        )

    def forward(self, pictures):
        return self.body(pictures).flatten()


def start_weights(module):
    """Set a layer's first weights: N(0, 0.02) for kernels, N(1, 0.02) for the scales of batch normalization."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def cross_entropy(logits, target):
    """Compute the binary cross-entropy to one target for all, 1.0 for "real" and 0.0 for "fake"."""
    return functional.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, target).float())


def main():
    """Train for the minutes given, then draw."""
    defaults = {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999, "batch_size": 64, "width": 64, "noise_size": 100}
    parser = peer_parser("torch_dcgan.py", __doc__.splitlines()[0], **defaults)
    parser.add_argument("--sampling", choices=("batch", "stored"), default="batch", help="published: batch")
    arguments = parser.parse_args()
    with one_line_errors("torch_dcgan.py"):
        images, device = load_pictures(arguments.data), choose_device()
        numbers = choose_numbers(device)
        torch.manual_seed(arguments.seed)
        batches = endless_batches(images, arguments.batch_size, np.random.default_rng(arguments.seed))
        generator = Generator(arguments.noise_size, arguments.width).apply(start_weights)
        discriminator = Discriminator(arguments.width).apply(start_weights)
        for network in (generator, discriminator):
            network.to(device, memory_format=torch.channels_last)
        adam = {"lr": arguments.learning_rate, "betas": (arguments.beta_1, arguments.beta_2)}
        move_g = torch.optim.Adam(generator.parameters(), **adam)
        move_d = torch.optim.Adam(discriminator.parameters(), **adam)

        clock = Clock(arguments.minutes)
        while clock.goes_on():
            real = to_tensor(next(batches), device)
            noise = torch.randn(arguments.batch_size, arguments.noise_size, device=device)

            # (1) D: maximise log D(x) + log(1 - D(G(z)))
            move_d.zero_grad()
            with computing_in(device, numbers):
                on_real = discriminator(real)
                fake = generator(noise)
                on_fake = discriminator(fake.detach())
            d_loss = cross_entropy(on_real, 1.0) + cross_entropy(on_fake, 0.0)
            d_loss.backward()
            move_d.step()

            # (2) G: maximise log D(G(z)), with the same fakes
            move_g.zero_grad()
            discriminator.requires_grad_(False)  # nobody asks for its gradients here: not to be computed
            with computing_in(device, numbers):
                on_generated = discriminator(fake)
            g_loss = cross_entropy(on_generated, 1.0)
            g_loss.backward()
            discriminator.requires_grad_(True)
            move_g.step()
            clock.step(d_loss.detach(), g_loss.detach())
        seconds = clock.seconds

        generator.train(arguments.sampling == "batch")
        fakes = to_uint8(draw(generator, arguments.n, arguments.batch_size, arguments.noise_size, device))
        more = {"numbers": name_of(numbers), "threads": torch.get_num_threads(), "device": str(device)}
        write_result(arguments, seconds, clock, arguments.batch_size, fakes, {"torch": torch.__version__}, **more)


if __name__ == "__main__":
    main()
