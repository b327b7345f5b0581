"""Which numbers the PyTorch peers compute in: bfloat16 where this machine is faster with it, float32 elsewhere."""

import contextlib
import time

import numpy as np
import torch
from torch import nn


def choose_device():
    """Give the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seconds_of(network, pictures, numbers):
    """Time one forward and backward pass, after one to warm up; on a GPU too, as reading the loss waits for it."""
    for _ in range(2):
        start = time.perf_counter()
        with torch.autocast(pictures.device.type, numbers, enabled=numbers != torch.float32):
            loss = network(pictures).float().square().mean()
        loss.backward()
        loss.item()
    return time.perf_counter() - start


def choose_numbers(device):
    """Time a convolution in float32 and in bfloat16, a second or so, before any clock runs.

    A chip without bfloat16 hardware imitates it, many times slower.

    Returns:
        `torch.bfloat16` or `torch.float32`.
    """
    with torch.random.fork_rng():  # the training's own random numbers stay what they are
        network = nn.Conv2d(64, 64, 3, padding=1).to(device, memory_format=torch.channels_last)
        pictures = torch.randn(16, 64, 16, 16, device=device).contiguous(memory_format=torch.channels_last)
        seconds = {numbers: seconds_of(network, pictures, numbers) for numbers in (torch.float32, torch.bfloat16)}
    numbers = min(seconds, key=seconds.get)
    ratio = seconds[torch.bfloat16] / seconds[torch.float32]
    print(f"{device}: bfloat16 takes {ratio:.2f} times as long as float32; training in {name_of(numbers)}", flush=True)
    return numbers


def name_of(numbers):
    """Say "bfloat16" or "float32"."""
    return str(numbers).removeprefix("torch.")


def computing_in(device, numbers):
    """Give the context in which the networks are called."""
    if numbers == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, numbers)


def to_tensor(images, device):
    """Turn uint8 pictures `(b, h, w, c)` into float32 `(b, c, h, w)` in [-1, 1], channels last."""
    tensor = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
    return (tensor.float() / 127.5 - 1.0).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def draw(generator, count, batch, noise_size, device):
    """Draw `count` pictures in the generator's mode, in whole batches. Returns float32 `(count, h, w, c)`."""
    pieces = []
    for _ in range(-(-count // batch)):
        noise = torch.randn(batch, noise_size, device=device)
        pieces.append(generator(noise).float().permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(pieces)[:count]
