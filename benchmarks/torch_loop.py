"""The game of train.py in PyTorch, on the same networks: the other side of speed.py.

The networks are translated layer by layer from the Keras ones, so they have the same sizes and as many weights. The
loop is what a PyTorch user would write who cares for speed: channels last, autocast, fused Adam, fakes made without
gradients, and no gradients of D's weights in G's turn. On CUDA the whole step may be one graph.
"""

import torch
from keras import layers
from torch import nn
from torch.nn import functional


class ToMap(nn.Module):
    """Vectors `(b, height x width x channels)` to maps `(b, channels, height, width)`."""

    def __init__(self, height, width, channels):
        super().__init__()
        self.shape = (channels, height, width)

    def forward(self, vectors):
        return vectors.unflatten(1, self.shape).contiguous(memory_format=torch.channels_last)


def translated(model):
    """Translate a Keras model whose layers follow one another. Returns a `torch.nn.Sequential` with new weights.

    Raises:
        TypeError: If a layer has no translation here.
    """
    modules = []
    for layer in model.layers:
        activation = getattr(layer, "activation", None)
        if isinstance(layer, layers.InputLayer):
            continue
        if isinstance(layer, layers.Dense):
            modules.append(nn.Linear(layer.kernel.shape[0], layer.units))
        elif isinstance(layer, (layers.Conv2D, layers.Conv2DTranspose)):
            transposed = isinstance(layer, layers.Conv2DTranspose)
            inputs = layer.kernel.shape[3 if transposed else 2]
            (size, _), (stride, _) = layer.kernel_size, layer.strides
            kind = nn.ConvTranspose2d if transposed else nn.Conv2d
            modules.append(kind(inputs, layer.filters, size, stride, padding=(size - 1) // 2))
        elif isinstance(layer, layers.BatchNormalization):
            modules.append(nn.BatchNorm2d(layer.input.shape[-1]))
        elif isinstance(layer, layers.LeakyReLU):
            modules.append(nn.LeakyReLU(layer.negative_slope))
        elif isinstance(layer, layers.ReLU):
            modules.append(nn.ReLU())
        elif isinstance(layer, layers.Dropout):
            modules.append(nn.Dropout(layer.rate))
        elif isinstance(layer, layers.Reshape):
            modules.append(ToMap(*layer.target_shape))
        elif isinstance(layer, layers.Flatten):
            modules.append(nn.Flatten())
        elif not isinstance(layer, layers.Activation | layers.Cropping2D):  # at these sizes nothing is cut off
            raise TypeError(f"no translation for the layer {layer.name}, a {type(layer).__name__}")
        if getattr(activation, "__name__", "") == "tanh":
            modules.append(nn.Tanh())
    return nn.Sequential(*modules)


class Loop:
    """Plays steps on batches of the same size.

    Args:
        generator: Keras generator to translate.
        discriminator: Keras discriminator to translate.
        settings: The run's settings; it reads `batch_size`, `noise_size`, `learning_rate`, `beta_1` and `beta_2`.
        bfloat16: Whether to compute in bfloat16, by autocast.
        compiled: Whether `torch.compile` compiles the networks.
        graph: Whether the whole step is one CUDA graph.
    """

    def __init__(self, generator, discriminator, settings, bfloat16=False, compiled=False, graph=False):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True  # as JAX
        torch.backends.cudnn.benchmark = True
        self.bfloat16, self.count, self.noise_size = bfloat16, settings["batch_size"], settings["noise_size"]
        networks = [translated(model) for model in (generator, discriminator)]
        networks = [network.to(self.device, memory_format=torch.channels_last) for network in networks]
        adam = {"lr": settings["learning_rate"], "betas": (settings["beta_1"], settings["beta_2"])}
        adam |= {"fused": True, "capturable": True} if graph else {"fused": True}
        self.adam_of_g, self.adam_of_d = (torch.optim.Adam(network.parameters(), **adam) for network in networks)
        self.d_parameters = list(networks[1].parameters())
        self.generator, self.discriminator = map(torch.compile, networks) if compiled else networks
        height, width, channels = discriminator.inputs[0].shape[1:]
        self.real = torch.empty((self.count, channels, height, width), device=self.device)
        self.real = self.real.contiguous(memory_format=torch.channels_last)
        self.noise = torch.empty((2, self.count, self.noise_size), device=self.device)
        self.graph = self._captured() if graph else None

    def _captured(self):
        """Record one step as a CUDA graph, after a few steps beside the main stream, as its documentation asks."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                self._play()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._play()
        return graph

    def play(self, real, noise):
        """Play one step. `real` and `noise` are NumPy arrays, as `train.play_step` takes them."""
        self.real.copy_(torch.from_numpy(real).permute(0, 3, 1, 2), non_blocking=True)
        self.noise.copy_(torch.from_numpy(noise), non_blocking=True)
        if self.graph:
            self.graph.replay()
        else:
            self._play()

    def wait(self):
        """Wait until the device has played all steps."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def _loss(self, pictures, target):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            logits = self.discriminator(pictures).float()
        return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))

    def _draw(self, noise):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            return self.generator(noise).float()

    def _play(self):
        with torch.no_grad():
            fake = self._draw(self.noise[0])
        for pictures, target in ((self.real, 1.0), (fake, 0.0)):
            self.adam_of_d.zero_grad(set_to_none=True)
            self._loss(pictures, target).backward()
            self.adam_of_d.step()
        for parameter in self.d_parameters:
            parameter.requires_grad_(False)
        self.adam_of_g.zero_grad(set_to_none=True)
        self._loss(self._draw(self.noise[1]), 1.0).backward()
        self.adam_of_g.step()
        for parameter in self.d_parameters:
            parameter.requires_grad_(True)
