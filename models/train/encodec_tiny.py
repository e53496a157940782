"""Trains encodec-tiny: EnCodec's causal 24 kHz architecture (Defossez et al., arXiv 2210.13438)
with fewer filters, under the state-dict keys of the published checkpoints.

24,000 samples a second -> 75 frames of 2, 4 or 8 codes of 10 bits (1.5, 3 or 6 kbit/s) -> samples.

    python encodec_tiny.py --media FOLDER --minutes 88 --out run-encodec
    python encodec_tiny.py --media FOLDER --evaluate --out run-encodec
    python encodec_tiny.py --fixture FILE --out run-encodec
"""
import argparse
import hashlib
import json
import math
import os
import subprocess

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import sounds
from discriminator import Discriminator
from training import Training

NAME = "encodec_tiny_24khz"
RATIOS = [8, 5, 4, 2]
HOP = 320
BOOKS, CODES = 8, 1024
BANDWIDTHS = {1.5: 2, 3: 4, 6: 8}


class Mirror(torch.autograd.Function):
    """Mirrored samples before a signal and behind it. PyTorch's own, and slices joined, spend more
    time on their gradients than the convolutions do."""

    @staticmethod
    def forward(ctx, x, left, right):
        ctx.sides = left, right
        parts = [x[..., 1:left + 1].flip(-1)] if left else []
        end = [x[..., -right - 1:-1].flip(-1)] if right else []
        return torch.cat([*parts, x, *end], -1)

    @staticmethod
    def backward(ctx, gradient):
        left, right = ctx.sides
        inner = gradient[..., left:gradient.shape[-1] - right].clone(memory_format=torch.channels_last)
        if left:
            inner[..., 1:left + 1] += gradient[..., :left].flip(-1)
        if right:
            inner[..., -right - 1:-1] += gradient[..., -right:].flip(-1)
        return inner, None, None


def uniform(shape, fan_in, gain=1.0):
    """A random kernel that keeps the variance: with PyTorch's default the signal fades away."""
    bound = gain * math.sqrt(3 / fan_in)
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))


class Conv(nn.Module):
    """Causal convolution: the start is mirrored, what fills the last stride too.

    Signals are [B, C, 1, T] with the channels innermost in memory, which is far faster here than
    PyTorch's one-dimensional layout."""

    def __init__(self, cin, cout, kernel, stride=1, gain=1.0):
        super().__init__()
        self.weight = uniform((cout, cin, kernel), cin * kernel, gain)
        self.bias = nn.Parameter(torch.zeros(cout))
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        if self.kernel == 1:
            return F.linear(x.permute(0, 2, 3, 1), self.weight[:, :, 0], self.bias).permute(0, 3, 1, 2)
        x = Mirror.apply(x, self.kernel - self.stride, -x.shape[-1] % self.stride)
        return F.conv2d(x, self.weight[:, :, None], self.bias, (1, self.stride))


class ConvTranspose(nn.Module):
    """Causal transposed convolution with twice as many taps as its stride, as a convolution of two
    taps to all phases; what overhangs on the right is not computed."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.weight = uniform((cin, cout, 2 * stride), 2 * cin)
        self.bias = nn.Parameter(torch.zeros(cout))
        self.stride = stride

    def forward(self, x):
        b, c, _, t = x.shape
        s, out = self.stride, len(self.bias)
        taps = self.weight.reshape(c, out, 2, s).flip(2).permute(3, 1, 0, 2).reshape(s * out, c, 1, 2)
        y = F.conv2d(F.pad(x, (1, 0)), taps, self.bias.repeat(s))
        return y.permute(0, 2, 3, 1).reshape(b, 1, t * s, out).permute(0, 3, 1, 2)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        inner = [nn.ELU(), Conv(channels, channels // 2, 3), nn.ELU(inplace=True), Conv(channels // 2, channels, 1, gain=0.3)]
        self.block = nn.Sequential(*inner)
        self.shortcut = Conv(channels, channels, 1)
        nn.init.orthogonal_(self.shortcut.weight)

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class SkipLSTM(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, 2)

    def forward(self, x):
        steps = x[:, :, 0].permute(2, 0, 1).contiguous()
        return (self.lstm(steps)[0] + steps).permute(1, 2, 0)[:, :, None].contiguous(memory_format=torch.channels_last)


class Stack(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


# Above the first of these, in Hz, sound is noise as loud as the decoder says, a band between each two.
NOISE_EDGES = (3000, 3500, 4000, 4500, 5000, 6000, 7000, 8500, 10000, 12000)
NOISE_TAPS = 127
# Samples of one value of loudness.
NOISE_STEP = 40
# Steps over which a band is equally loud: noise as it is drawn swells and fades, which is heard as roughness.
NOISE_EVEN = 15


def white(position, count):
    """White noise in [-1, 1) by the number of its sample: what our decoder draws, too."""
    n = (np.arange(position + 1, position + count + 1) % (1 << 32)).astype(np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    n = (n * np.uint64(0x9E3779B1) + np.uint64(0x85EBCA77)) & mask
    n ^= n >> np.uint64(16)
    n = (n * np.uint64(0x21F0AAAD)) & mask
    n ^= n >> np.uint64(15)
    n = (n * np.uint64(0x735A2D97)) & mask
    n ^= n >> np.uint64(15)
    return (n.astype(np.float64) / 2 ** 31 - 1).astype(np.float32)


def noise_filters():
    """Band-pass filters [bands, 1, taps] that make noise of deviation 1 of white noise in [-1, 1)."""
    from scipy.signal import firwin
    top = sounds.RATE / 2
    filters = np.stack([
        firwin(NOISE_TAPS, [low, high] if high < top else low, fs=sounds.RATE, pass_zero=False)
        for low, high in zip(NOISE_EDGES, NOISE_EDGES[1:])
    ])
    return torch.tensor(filters * math.sqrt(3) / np.linalg.norm(filters, axis=1, keepdims=True), dtype=torch.float32)[:, None]


class Noise(nn.Sequential):
    """Bands of noise, each as loud as features of the decoder's first stage say."""

    def __init__(self, channels):
        bands = len(NOISE_EDGES) - 1
        super().__init__(nn.ELU(), Conv(channels, channels // 2, 5), nn.ELU(), Conv(channels // 2, bands, 1, gain=0.1))
        self.is_trained = False
        # As they are stored.
        self.register_buffer("filters", noise_filters().half().float(), persistent=False)

    @torch.no_grad()
    def start(self, x):
        """Begins as loud as these sounds [B, 1, T] are on average."""
        loudness = F.conv1d(x, self.filters / self.filters.norm(dim=-1, keepdim=True)).pow(2)
        steps = F.avg_pool1d(loudness, NOISE_STEP).sqrt()
        self[-1].bias.copy_((steps + 1e-4).log().mean((0, 2)))

    def forward(self, x, positions):
        """Samples [B, 1, 1, T * 40] of features [B, C, 1, T], and the number of each one's first sample."""
        loudness = super().forward(x)[:, :, 0].clamp(max=1).exp()
        b, bands, steps = loudness.shape
        side = NOISE_EVEN // 2
        before = NOISE_TAPS - 1 + side * NOISE_STEP
        count = before + (steps + side) * NOISE_STEP
        drawn = torch.from_numpy(np.stack([white(int(p) - before, count) for p in positions]))
        noise = F.conv1d(drawn[:, None].to(x.device), self.filters).reshape(b, bands, -1, NOISE_STEP)
        power = F.avg_pool1d(noise.pow(2).mean(-1), NOISE_EVEN, 1)
        levels = loudness / (power + 1e-6).sqrt()
        return (levels[..., None] * noise[:, :, side:side + steps]).sum(1).reshape(b, 1, 1, steps * NOISE_STEP)


class Decoder(nn.Module):
    """Samples of latents, and the noise above them."""

    STAGE = 5  # layers up to where the noise's loudness comes from: 600 values a second

    def __init__(self, layers, channels):
        super().__init__()
        self.model = nn.Sequential(*layers)
        self.noise = Noise(channels)

    def forward(self, z, positions):
        features = self.model[:self.STAGE](z)
        return self.model[self.STAGE:](features), self.noise(features, positions)


def encoder(filters, dimension):
    # Sound is quiet; what comes behind the first layer and before the last is about 1.
    layers, c = [Conv(1, filters, 7, gain=10)], filters
    for ratio in reversed(RATIOS):
        layers += [Residual(c), nn.ELU(), Conv(c, 2 * c, 2 * ratio, ratio)]
        c *= 2
    return Stack(layers + [SkipLSTM(c), nn.ELU(), Conv(c, dimension, 7)])


def decoder(filters, dimension):
    c = filters * 16
    layers = [Conv(dimension, c, 7), SkipLSTM(c)]
    for ratio in RATIOS:
        layers += [nn.ELU(), ConvTranspose(c, c // 2, ratio), Residual(c // 2)]
        c //= 2
    return Decoder(layers + [nn.ELU(), Conv(c, 1, 7, gain=0.1)], filters * 8)


class Codebook(nn.Module):
    """Moving-average codebook; a code that is hardly used moves onto a vector of the batch."""

    def __init__(self, dimension):
        super().__init__()
        self.register_buffer("embed", torch.zeros(CODES, dimension))
        self.register_buffer("size", torch.ones(CODES))
        self.register_buffer("total", torch.zeros(CODES, dimension))

    def nearest(self, x):
        return (x.pow(2).sum(1, True) - 2 * x @ self.embed.t() + self.embed.pow(2).sum(1)).argmin(1)

    def start(self, x, rounds=8):
        """k-means on vectors of the encoder; gives what it leaves over."""
        self.embed.copy_(x[torch.randperm(len(x), device=x.device)[:CODES]])
        for _ in range(rounds):
            codes = self.nearest(x)
            count = torch.bincount(codes, minlength=CODES).float()
            total = torch.zeros_like(self.embed).index_add_(0, codes, x)
            fresh = x[torch.randint(len(x), (CODES,), device=x.device)]
            self.embed.copy_(torch.where(count[:, None] > 0, total / count.clamp(min=1)[:, None], fresh))
        # As many uses a step as a batch will bring on average, so that the mean moves from the start.
        self.size.fill_(0.3)
        self.total.copy_(self.embed * 0.3)
        return x - self.embed[self.nearest(x)]

    def follow(self, x, codes, decay=0.99):
        count = torch.bincount(codes, minlength=CODES).to(x.dtype)
        self.size.mul_(decay).add_(count, alpha=1 - decay)
        self.total.mul_(decay).index_add_(0, codes, x, alpha=1 - decay)
        mean = len(x) / CODES
        dead = self.size < 0.05 * mean
        if dead.any():
            fresh = x[torch.randint(len(x), (int(dead.sum()),), device=x.device)]
            self.size[dead] = 0.5 * mean
            self.total[dead] = fresh * 0.5 * mean
        self.embed.copy_(self.total / self.size[:, None])


class Quantizer(nn.Module):
    """Each codebook codes what the ones before left over."""

    def __init__(self, dimension):
        super().__init__()
        self.layers = nn.ModuleList(Codebook(dimension) for _ in range(BOOKS))

    def start(self, x):
        for layer in self.layers:
            x = layer.start(x)

    def forward(self, z, books):
        """z [B, D, 1, T] and for each of the batch how many books it may use."""
        b, d, _, t = z.shape
        flat = z.permute(0, 2, 3, 1).reshape(b * t, d)
        rest, total, commit = flat.detach(), torch.zeros_like(flat), 0.0
        used = books.to(z.device).repeat_interleave(t)
        for k, layer in enumerate(self.layers):
            codes = layer.nearest(rest)
            chosen = layer.embed[codes]
            if self.training:
                layer.follow(rest, codes)
            mask = (used > k).to(z.dtype)[:, None]
            error = (flat - total - chosen).pow(2) * mask
            commit = commit + error.sum() / (mask.sum().clamp(min=1) * d)
            total = total + chosen * mask
            rest = rest - chosen
        out = flat + (total - flat).detach()
        return out.reshape(b, 1, t, d).permute(0, 3, 1, 2), commit / BOOKS

    def codes(self, z, books):
        """Codes [T, K] of one latent [1, D, 1, T]."""
        rest, codes = z[0, :, 0].t(), []
        for layer in self.layers[:books]:
            codes.append(layer.nearest(rest))
            rest = rest - layer.embed[codes[-1]]
        return torch.stack(codes, 1)


class Codec(nn.Module):
    def __init__(self, filters, dimension):
        super().__init__()
        self.encoder = encoder(filters, dimension)
        self.decoder = decoder(filters, dimension)
        self.quantizer = Quantizer(dimension)

        # Gives the latents the same size in the first steps, then stays as it is. Folded into the
        # encoder's last layer when written.
        self.balance = nn.BatchNorm2d(dimension, affine=False, momentum=0.02)

    def encode(self, x):
        return self.balance(self.encoder(x[:, :, None].contiguous(memory_format=torch.channels_last)))

    def decode(self, z, length, positions=None):
        """What is sung [B, 1, length] and what is noise of the samples, whose first ones have these numbers. Default: 0."""
        parts = self.decoder(z, [0] * len(z) if positions is None else positions)
        return [part[:, :, 0, :length] for part in parts]

    @torch.no_grad()
    def start_quantizer(self, x):
        parts = [self.encode(part).permute(0, 2, 3, 1).flatten(0, 2) for part in x.split(16)]
        self.quantizer.start(torch.cat(parts))

    def forward(self, x, books, positions=None):
        """Both parts of the audio, and the quantiser's error; without a quantiser where books is None."""
        z = self.encode(x)
        q, commit = (z, x.new_zeros(())) if books is None else self.quantizer(z, books)
        return self.decode(q, x.shape[-1], positions), commit


def mel_filters(bins, mels, rate=sounds.RATE):
    """Triangles of equal height on the mel scale."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * math.log10(1 + rate / 2 / 700), mels + 2) / 2595) - 1)
    f = np.linspace(0, rate / 2, bins)
    up = (f[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - f[None]) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.clip(np.minimum(up, down), 0, None)
    # A filter narrower than a bin would be empty.
    triangles[np.arange(mels), np.abs(f[None] - edges[1:-1, None]).argmin(1)] += 1e-3
    return torch.tensor(triangles / triangles.sum(1, keepdims=True), dtype=torch.float32)


class Mel(nn.Module):
    """Log-mel spectra at several window sizes, in units of a white noise's deviation."""

    def __init__(self, sizes, floor):
        super().__init__()
        self.sizes, self.floor = sizes, floor
        for n in sizes:
            self.register_buffer(f"filters{n}", mel_filters(n // 2 + 1, min(80, n // 8)))
            self.register_buffer(f"window{n}", torch.hann_window(n))

    def spectra(self, x):
        for n in self.sizes:
            window = getattr(self, f"window{n}")
            s = torch.stft(x.squeeze(1), n, n // 4, window=window, return_complex=True)
            power = s.real.pow(2) + s.imag.pow(2)
            mel = getattr(self, f"filters{n}") @ power / window.pow(2).sum()
            yield 0.5 * (mel + self.floor ** 2).log()

    def loss(self, y, x):
        """Mean absolute difference of the logarithms, with a part that weighs large ones more."""
        total = 0.0
        for both in self.spectra(torch.cat([y, x])):
            difference = both[: len(y)] - both[len(y):].detach()
            total = total + difference.abs().mean() + 0.5 * difference.pow(2).mean().sqrt()
        return total / len(self.sizes)

    def distance(self, y, x):
        """Mean absolute difference in dB."""
        pairs = zip(self.spectra(y), self.spectra(x))
        return float(np.mean([(a - b).abs().mean().item() for a, b in pairs])) * 20 / math.log(10)


TRAINING_SIZES = (256, 512, 1024, 2048)
EVALUATION_SIZES = (256, 512, 1024, 2048)

# Steps without a quantiser at the beginning; before the end of those the latents' norm stays as it is.
BALANCED, WARM_UP = 600, 800


class Estoi(nn.Module):
    """Extended short-time objective intelligibility (Jensen and Taal 2016) at 24 kHz, silence counted, too."""

    WINDOW, SIZE, FRAMES = 614, 1024, 30

    def __init__(self):
        super().__init__()
        centres = 150 * 2 ** (np.arange(15) / 3)
        f = np.linspace(0, sounds.RATE / 2, self.SIZE // 2 + 1)
        inside = (f >= centres[:, None] * 2 ** (-1 / 6)) & (f < centres[:, None] * 2 ** (1 / 6))
        self.register_buffer("bands", torch.tensor(inside, dtype=torch.float32))
        self.register_buffer("window", torch.hann_window(self.WINDOW))

    def envelopes(self, x):
        """[B, segments, bands, frames], normalised over frames, then over bands."""
        s = torch.stft(x.squeeze(1), self.SIZE, self.WINDOW // 2, self.WINDOW, self.window, return_complex=True)
        e = (self.bands @ (s.real.pow(2) + s.imag.pow(2)) + 1e-6).sqrt()
        e = e.unfold(-1, self.FRAMES, 4).permute(0, 2, 1, 3)
        for axis in (3, 2):
            e = e - e.mean(axis, True)
            e = e / (e.pow(2).sum(axis, True) + 1e-8).sqrt()
        return e

    def loss(self, y, x):
        """1 less the intelligibility of y."""
        return 1 - (self.envelopes(y) * self.envelopes(x)).sum(2).mean()


class Losses(nn.Module):
    """Errors of decoded sound."""

    def __init__(self):
        super().__init__()
        from scipy.signal import firwin
        self.mel, self.estoi = Mel(TRAINING_SIZES, 1e-4), Estoi()
        low = firwin(127, NOISE_EDGES[0] + 200, fs=sounds.RATE)
        self.register_buffer("low", torch.tensor(low, dtype=torch.float32)[None, None])

    def split(self, x):
        """What is below the noise's bands and what is in them."""
        low = F.conv1d(x, self.low, padding=self.low.shape[-1] // 2)
        return low, x - low

    def forward(self, sung, noise, x):
        """Errors of waveforms below the noise's bands relative to their loudness, what is sung above them, and
        distances of spectra without that: beside it, noise would only do harm and learn to be silent."""
        low, high = self.split(x)
        sung_low, sung_high = self.split(sung)
        error = sung_low - low
        wave = (error.abs().mean((1, 2)) / (x.abs().mean((1, 2)) + 1e-3)).mean()
        power = (error.pow(2).mean((1, 2)) / (x.pow(2).mean((1, 2)) + 1e-5)).mean()
        over = (sung_high.abs().mean((1, 2)) / (high.abs().mean((1, 2)) + 1e-4)).mean()
        y = sung_low + noise
        return dict(wave=wave, power=power, over=over, mel=self.mel.loss(y, x), estoi=self.estoi.loss(y, x))


WEIGHTS = dict(wave=0.5, power=0.5, over=0.5, mel=1.5, estoi=1.5, commit=0.25, passes=0.1, far=0.3)


def is_inside(name, parameter):
    """Matrices and kernels between channels, those of the LSTM too."""
    return "noise" not in name and parameter.ndim > 1 and min(parameter.shape[:2]) > 1


def follow(optimizer, gradients):
    """A step by gradients that are there already."""
    for p, gradient in zip(optimizer.param_groups[0]["params"], gradients):
        p.grad = gradient
    optimizer.step()


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    os.makedirs(args.out, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = (trained(args.start) if args.start else Codec(args.filters, args.dimension)).train().to(device)
    rival, losses = Discriminator().to(device), Losses().to(device)
    rivals = torch.optim.AdamW(rival.parameters(), 3e-4, betas=(0.8, 0.99))
    if args.keep_codes:
        model.encoder.requires_grad_(False)
        model.quantizer.eval()
    training = Training(args, dict(model=model, rival=rival), is_inside, 100, [rivals],
                        [list(model.decoder.noise.parameters())])
    pieces = sounds.Pieces(sounds.training_sounds(args.media, args.seed), args.length * HOP, args.seed + training.step)
    choice = np.random.default_rng(args.seed + training.step)
    alone = args.alone
    if training.step == 0 and not model.decoder.noise.is_trained:
        model.decoder.noise.start(torch.from_numpy(pieces.batch(64)).to(device))
    for step in training:
        fresh = not args.start
        if fresh and step == WARM_UP:
            model.start_quantizer(torch.from_numpy(pieces.batch(320)).to(device))
        if fresh:
            model.balance.train(step < BALANCED)
        x = torch.from_numpy(pieces.batch(args.batch)).to(device)
        books = torch.from_numpy(choice.choice(list(BANDWIDTHS.values()), args.batch))
        coded = None if fresh and step < WARM_UP else books
        (sung, noise), commit = model(x, coded, choice.integers(0, 1 << 32, args.batch))
        y = sung + noise
        parts = losses(sung, noise, x)
        if not args.keep_codes:
            parts |= dict(commit=commit)
        loss = sum(WEIGHTS[name] * part for name, part in parts.items())
        if step >= alone:
            told, passes, far = rival.compare(y, x)
            adversarial = WEIGHTS["passes"] * passes + WEIGHTS["far"] * far
            # Not every step, lest it tell them apart too well; and it learns before anything is learned from it.
            if step % 3:
                follow(rivals, torch.autograd.grad(told, list(rival.parameters()), retain_graph=True))
            if step >= alone + 200:
                loss = loss + (y * torch.autograd.grad(adversarial, y)[0]).sum()
            parts |= dict(told=told, passes=passes, far=far)
        figures = {name: part.item() for name, part in parts.items()}
        training.descend(loss, figures)
        if training.step % 500 == 0 or training.progress >= 1:
            training.save()
            write(args, model, training.step)


KINDS = {Conv: "conv.conv", ConvTranspose: "convtr.convtr"}


def official(model):
    """State dict under the published names: kernels as direction and length, as weight norm has them."""
    tensors = {f"quantizer.vq.layers.{n}._codebook.embed": layer.embed for n, layer in enumerate(model.quantizer.layers)}
    tensors["decoder.noise.filters"] = model.decoder.noise.filters
    last = model.encoder.model[-1]
    for name, layer in model.named_modules():
        if isinstance(layer, (Conv, ConvTranspose)):
            kernel, bias = layer.weight, layer.bias
            if layer is last and not isinstance(model.balance, nn.Identity):
                deviation = (model.balance.running_var + model.balance.eps).sqrt()
                kernel, bias = kernel / deviation[:, None, None], (bias - model.balance.running_mean) / deviation
            prefix = f"{name}.{KINDS[type(layer)]}"
            tensors[f"{prefix}.weight_v"] = kernel
            tensors[f"{prefix}.weight_g"] = kernel.norm(dim=(1, 2), keepdim=True)
            tensors[f"{prefix}.bias"] = bias
        elif isinstance(layer, nn.LSTM):
            tensors.update({f"{name}.{k}": v for k, v in layer.named_parameters()})
    return {k: v.detach().half().contiguous().cpu() for k, v in tensors.items()}


def write(args, model, step):
    description = dict(format="encodec", name=NAME, sample_rate=str(sounds.RATE), step=str(step))
    save_file(official(model), f"{args.out}/{NAME}.safetensors", description)


@torch.no_grad()
def trained(path):
    """The codec with weights that were written, as float32."""
    tensors = {k: v.float() for k, v in load_file(path).items()}
    filters = tensors["encoder.model.0.conv.conv.weight_v"].shape[0]
    dimension = tensors["quantizer.vq.layers.0._codebook.embed"].shape[1]
    model = Codec(filters, dimension)
    model.balance = nn.Identity()
    for n, layer in enumerate(model.quantizer.layers):
        layer.embed.copy_(tensors[f"quantizer.vq.layers.{n}._codebook.embed"])
        # As many uses a step as a batch brings on average.
        layer.size.fill_(0.3)
        layer.total.copy_(layer.embed * 0.3)
    for name, layer in model.named_modules():
        if isinstance(layer, (Conv, ConvTranspose)):
            prefix = f"{name}.{KINDS[type(layer)]}"
            if f"{prefix}.bias" not in tensors:
                continue  # weights of before the noise
            v, g = tensors[f"{prefix}.weight_v"], tensors[f"{prefix}.weight_g"]
            kernel, bias = v * (g / v.norm(dim=(1, 2), keepdim=True)), tensors[f"{prefix}.bias"]
            layer.weight.copy_(kernel)
            layer.bias.copy_(bias)
        elif isinstance(layer, nn.LSTM):
            for key, value in layer.named_parameters():
                value.copy_(tensors[f"{name}.{key}"])
    model.decoder.noise.is_trained = "decoder.noise.filters" in tensors
    return model.eval()


def opus(x, kbps):
    """The same sound through Opus at a bitrate, and the kbit/s of its packets."""
    ogg = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(sounds.RATE), "-ac", "1", "-i", "-", "-c:a", "libopus",
         "-b:a", f"{kbps}k", "-f", "ogg", "-"], input=x.astype(np.float32).tobytes(), capture_output=True, check=True).stdout
    sizes = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", "-"],
        input=ogg, capture_output=True, check=True).stdout.split()
    y = sounds.decode(["-i", "-"], ogg)
    y = np.pad(y, (0, max(0, len(x) - len(y))))[: len(x)]
    return y, sum(int(s.strip(b",")) for s in sizes) * 8 / (len(x) / sounds.RATE) / 1000


def codec2(x):
    """The same sound through Codec2 at 3.2 kbit/s, its best; at 8 kHz."""
    coded = subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(sounds.RATE), "-ac", "1", "-i", "-", "-ar", "8000",
         "-c:a", "libcodec2", "-mode", "3200", "-f", "codec2", "-"],
        input=x.astype(np.float32).tobytes(), capture_output=True, check=True).stdout
    y = sounds.decode(["-f", "codec2", "-i", "-"], coded)
    return np.pad(y, (0, max(0, len(x) - len(y))))[: len(x)]


def measured(mel, y, x, kind):
    """The figures of `quality.py`, and the mel distance in dB."""
    from quality import quality
    both = [torch.from_numpy(s)[None, None] for s in (y, x)]
    return dict(mel=round(mel.distance(*both), 3), **quality(y, x, kind))


@torch.no_grad()
def evaluate(args):
    from quality import comb
    torch.set_num_threads(args.threads)
    model, mel = trained(f"{args.out}/{NAME}.safetensors"), Mel(EVALUATION_SIZES, 1e-4)
    rows = []
    for kind, clip, x in sounds.held_out(args.media):
        row = dict(clip=clip, kind=kind, seconds=round(len(x) / sounds.RATE, 2), codec={}, opus={})
        row["codec2"] = measured(mel, codec2(x), x, kind)
        row["original"] = dict(comb=round(float(comb(x)), 3))
        for kbps, books in BANDWIDTHS.items():
            y = sum(model(torch.from_numpy(x)[None, None], torch.tensor([books]))[0])
            row["codec"][kbps] = measured(mel, y[0, 0].numpy(), x, kind)
        for kbps in (6, 12):
            y, rate = opus(x, kbps)
            row["opus"][kbps] = dict(kbps=round(rate, 2), **measured(mel, y, x, kind))
        print(json.dumps(row))
        rows.append(row)
    path = f"{args.out}/{NAME}.safetensors"
    digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
    with open(f"{args.out}/evaluation.json", "w") as f:
        json.dump(dict(clips=rows, bytes=os.path.getsize(path), sha256=digest), f, indent=1)


@torch.no_grad()
def fixture(args):
    """A short sound with the codes and the audio that the network makes of it."""
    model = trained(f"{args.out}/{NAME}.safetensors")
    audio = torch.from_numpy(sounds.speech(np.random.default_rng(5), ["en-us"])[6000:6000 + 30 * HOP + 100])[None, None]
    z = model.encode(audio)
    codes = model.quantizer.codes(z, BOOKS)
    vectors = sum(layer.embed[codes[:, k]] for k, layer in enumerate(model.quantizer.layers))
    decoded = sum(model.decode(vectors.t()[None, :, None], HOP * len(codes)))[0]
    tensors = dict(audio=audio[0], codes=codes.int(), decoded=decoded)
    save_file({k: v.contiguous() for k, v in tensors.items()}, args.fixture)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--media", help="folder with the recordings that sounds.py names")
    parser.add_argument("--out", default="run-encodec")
    parser.add_argument("--minutes", type=float, default=88, help="processor minutes, of all threads together")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=48, help="frames of a piece")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--start", help="weights to start from, in place of random ones")
    parser.add_argument("--keep-codes", action="store_true", help="train the decoder alone: files stay what they are")
    parser.add_argument("--alone", type=int, default=6000, help="steps without a discriminator")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--fixture", help="file to write the sound for the test of the graph to")
    args = parser.parse_args()
    if args.fixture:
        fixture(args)
    elif args.evaluate:
        evaluate(args)
    else:
        train(args)
