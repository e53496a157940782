"""Trains encodec-tiny: EnCodec's causal 24 kHz architecture (Defossez et al., arXiv 2210.13438)
with fewer filters, under the state-dict keys of the published checkpoints.

24,000 samples a second -> 75 frames of 2, 4 or 8 codes of 10 bits (1.5, 3 or 6 kbit/s) -> samples.

    python encodec_tiny.py --media FOLDER --minutes 120 --out run-encodec
    python encodec_tiny.py --media FOLDER --evaluate --out run-encodec
    python encodec_tiny.py --media FOLDER --fixture FILE --out run-encodec
"""
import argparse
import hashlib
import json
import math
import os
import subprocess
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import sounds

NAME = "encodec_tiny_24khz"
RATIOS = [8, 5, 4, 2]
HOP = 320
BOOKS, CODES = 8, 1024
BANDWIDTHS = {1.5: 2, 3: 4, 6: 8}


class Normed(nn.Module):
    """A kernel as direction and length (weight norm over the first axis) and a bias."""

    def __init__(self, shape, outputs, fan_in, gain=1.0):
        super().__init__()
        # Keeps the variance from layer to layer: with PyTorch's default the signal fades away.
        bound = gain * math.sqrt(3 / fan_in)
        self.weight_v = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.weight_g = nn.Parameter(self.weight_v.detach().norm(dim=(1, 2), keepdim=True))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def kernel(self):
        return self.weight_v * (self.weight_g / self.weight_v.norm(dim=(1, 2), keepdim=True))


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


class Conv(nn.Module):
    """Causal convolution: the start is mirrored, what fills the last stride too.

    Signals are [B, C, 1, T] with the channels innermost in memory, which is far faster here than
    PyTorch's one-dimensional layout."""

    def __init__(self, cin, cout, kernel, stride=1, gain=1.0):
        super().__init__()
        self.conv = nn.Module()
        self.conv.conv = Normed((cout, cin, kernel), cout, cin * kernel, gain)
        self.kernel, self.stride = kernel, stride

    def route(self, taps, lowered=0.0, lift=0.0):
        """Makes the first outputs what the last taps [out, in, taps] make of the first inputs, which
        arrive lifted by a constant, and lifts them."""
        outputs, inputs, count = taps.shape
        layer = self.conv.conv
        layer.weight_v[:outputs] = 0
        layer.weight_v[:outputs, :inputs, -count:] = taps
        layer.weight_g.copy_(layer.weight_v.norm(dim=(1, 2), keepdim=True))
        layer.bias[:outputs] = lift - lowered * taps.sum((1, 2))

    def forward(self, x):
        kernel, bias = self.conv.conv.kernel(), self.conv.conv.bias
        if self.kernel == 1:
            return F.linear(x.permute(0, 2, 3, 1), kernel[:, :, 0], bias).permute(0, 3, 1, 2)
        x = Mirror.apply(x, self.kernel - self.stride, -x.shape[-1] % self.stride)
        return F.conv2d(x, kernel[:, :, None], bias, (1, self.stride))


class ConvTranspose(nn.Module):
    """Causal transposed convolution with twice as many taps as its stride, as a convolution of two
    taps to all phases; what overhangs on the right is not computed."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.convtr = nn.Module()
        self.convtr.convtr = Normed((cin, cout, 2 * stride), cout, 2 * cin)
        self.stride = stride

    def route(self, taps, lowered, constant=False):
        """Makes the first outputs what the taps [in, out, taps] of the current step make of the first
        inputs, which arrive lifted. Where that lifts each tap by another amount, the input after them
        must be the same constant."""
        inputs, outputs, count = taps.shape
        layer = self.convtr.convtr
        layer.weight_v[:inputs + constant] = 0
        layer.weight_v[:, :outputs] = 0
        layer.weight_v[:inputs, :outputs, :count] = taps
        if constant:
            layer.weight_v[inputs, :outputs, :count] = -taps.sum(0)
        layer.bias[:outputs] = 0 if constant else -lowered * taps.sum(0)[:, 0]
        layer.weight_g.copy_(layer.weight_v.norm(dim=(1, 2), keepdim=True))

    def forward(self, x):
        b, c, _, t = x.shape
        s, layer = self.stride, self.convtr.convtr
        kernel = layer.kernel()
        out = kernel.shape[1]
        taps = kernel.reshape(c, out, 2, s).flip(2).permute(3, 1, 0, 2).reshape(s * out, c, 1, 2)
        y = F.conv2d(F.pad(x, (1, 0)), taps, layer.bias.repeat(s))
        return y.permute(0, 2, 3, 1).reshape(b, 1, t * s, out).permute(0, 3, 1, 2)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        inner = [nn.ELU(), Conv(channels, channels // 2, 3), nn.ELU(inplace=True), Conv(channels // 2, channels, 1, gain=0.3)]
        self.block = nn.Sequential(*inner)
        self.shortcut = Conv(channels, channels, 1)

    def pass_on(self, lift):
        """Makes the layer give what it gets, lifted by a constant."""
        channels = self.shortcut.conv.conv.bias.numel()
        self.shortcut.route(torch.eye(channels)[:, :, None], lift=lift)
        self.block[3].conv.conv.weight_g *= 1e-2

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class SkipLSTM(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, 2)
        # Nearly closed output gates: at first it adds next to nothing.
        self.lstm.bias_ih_l1.data[3 * channels:] = -4

    def forward(self, x):
        steps = x[:, :, 0].permute(2, 0, 1).contiguous()
        return (self.lstm(steps)[0] + steps).permute(1, 2, 0)[:, :, None].contiguous(memory_format=torch.channels_last)


class Stack(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


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
    return Stack(layers + [nn.ELU(), Conv(c, 1, 7, gain=0.1)])


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

    def encode(self, x):
        return self.encoder(x[:, :, None].contiguous(memory_format=torch.channels_last))

    def decode(self, z, length):
        return self.decoder(z)[:, :, 0, :length]

    def forward(self, x, books):
        """Audio back, and the quantiser's error."""
        q, commit = self.quantizer(self.encode(x), books)
        return self.decode(q, x.shape[-1]), commit


def block_code(x, dimension):
    """Matrices [D, HOP] and [HOP, D] of the best linear code of blocks of samples, after a filter
    that gives high frequencies more weight, in a random rotation that spreads its energy evenly."""
    blocks = x.reshape(-1, HOP)
    weighted = torch.eye(HOP) - 0.7 * torch.diag(torch.ones(HOP - 1), -1)
    y = blocks @ weighted.t()
    energies, basis = torch.linalg.eigh(y.t() @ y / len(y))
    basis, scale = basis[:, -dimension:], energies[-dimension:].mean().sqrt()
    rotation = torch.linalg.qr(torch.randn(dimension, dimension))[0]
    return rotation @ basis.t() @ weighted / scale, torch.linalg.solve(weighted, basis) @ rotation.t() * scale


@torch.no_grad()
def start_linear(model, x):
    """Starts the codec as the best linear code of blocks of HOP samples, so that training need not
    find out first what sound looks like.

    Samples are routed through the strides into channels and back. Constants keep them in the linear
    part of every ELU. The other channels keep random kernels and no way out as yet."""
    dimension, width = model.quantizer.layers[0].embed.shape[1], 1
    analysis, synthesis = block_code(x, dimension)
    small, large = 1.0, 4.0
    layers = model.encoder.model
    layers[0].route(torch.ones(1, 1, 1))
    for n, ratio in enumerate(reversed(RATIOS)):
        layers[1 + 3 * n].pass_on(small)
        order = torch.eye(width * ratio).reshape(ratio, width, -1).permute(2, 1, 0)
        last = analysis.reshape(dimension, ratio, -1).transpose(1, 2) if n == 3 else order
        layers[3 + 3 * n].route(last, small, large if n == 3 else 0.0)
        width *= ratio
    layers[-1].route(torch.eye(dimension)[:, :, None], large)
    route_back(model, torch.eye(dimension)[:, :, None], synthesis)


def route_back(model, kernel, synthesis):
    """Makes the decoder linear: a kernel [C, D, 7 or fewer] from latents to channels, a matrix
    [HOP, C] from those to a block of samples. One more channel is a constant."""
    channels, width = len(kernel), HOP
    small, large = 1.0, 4.0
    layers = model.decoder.model
    layers[0].route(kernel, lift=large)
    layers[0].conv.conv.weight_g[channels] = 0
    layers[0].conv.conv.bias[channels] = large
    for n, ratio in enumerate(RATIOS):
        before, width = width, width // ratio
        taps = synthesis if n == 0 else torch.eye(before)
        layers[3 + 3 * n].route(taps.reshape(ratio, width, -1).permute(2, 1, 0), small, constant=n == 0)
        layers[4 + 3 * n].pass_on(small)
    layers[-1].route(SMOOTH[None, None], small)


# The decoder's last kernel at the start: a low pass that takes the edges off blocks. It looks back
# only, so what goes into it is half its length ahead.
SMOOTH = torch.special.sinc(0.3 * torch.arange(-3.0, 4.0)) * torch.hamming_window(7, periodic=False)
SMOOTH = SMOOTH / SMOOTH.sum()


def decode_linearly(model, pieces, batches=80):
    """Makes the decoder the best linear one for latents as they come from the quantiser, the six
    frames before included: regression, cut to as many channels as there are."""
    taps = model.decoder.model[0].kernel
    width = model.quantizer.layers[0].embed.shape[1] * taps
    channels = model.decoder.model[0].conv.conv.bias.numel() - 1
    own, cross, model.quantizer.training = torch.zeros(width, width), torch.zeros(width, HOP), False
    for _ in range(batches):
        x = torch.from_numpy(pieces.batch(16))
        q, _ = model.quantizer(model.encode(x), torch.tensor([2, 4, 8, 8] * 4))
        past = q[:, :, 0].unfold(2, taps, 1).permute(0, 2, 1, 3).flatten(2).flatten(0, 1)
        ahead = F.pad(x[..., len(SMOOTH) // 2:], (0, len(SMOOTH) // 2))
        blocks = ahead.reshape(len(x), -1, HOP)[:, taps - 1:].flatten(0, 1)
        own += past.t() @ past
        cross += past.t() @ blocks
    model.quantizer.training = True
    solution = torch.linalg.solve(own + 1e-3 * own.diagonal().mean() * torch.eye(width), cross)
    energies, basis = torch.linalg.eigh(solution.t() @ own @ solution / (batches * len(blocks)))
    # Far below the constant even where sound is loud.
    scale = 3 * energies[-channels:].clamp(min=1e-6).sqrt()
    kernel = (solution @ basis[:, -channels:] / scale).t().reshape(channels, -1, taps)
    route_back(model, kernel, basis[:, -channels:] * scale)


@torch.no_grad()
def start(model, pieces):
    """The linear code, and codebooks as k-means of its latents that then follow many more of them."""
    start_linear(model, torch.from_numpy(pieces.batch(600)))
    def latents():
        return model.encode(torch.from_numpy(pieces.batch(16)))
    model.quantizer.start(torch.cat([latents().permute(0, 2, 3, 1).flatten(0, 2) for _ in range(30)]))
    for _ in range(250):
        model.quantizer(latents(), torch.full((16,), BOOKS))
    decode_linearly(model, pieces)


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


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    os.makedirs(args.out, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Codec(args.filters, args.dimension)
    mel = Mel(TRAINING_SIZES, 3e-3).to(device)
    pieces = sounds.Pieces(sounds.training_sounds(args.media, args.seed), args.length * HOP, args.seed)
    if not os.path.exists(f"{args.out}/state.pt"):
        start(model, pieces)
    model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=1e-4)
    step, spent = 0, 0.0
    if os.path.exists(f"{args.out}/state.pt"):
        state = torch.load(f"{args.out}/state.pt", weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
    pieces.rng = np.random.default_rng(args.seed + step)
    choice = np.random.default_rng(args.seed + step)
    log = open(f"{args.out}/log.jsonl", "a")
    total, started, sums = args.minutes * 60, time.process_time(), np.zeros(4)
    model.train()
    while True:
        elapsed = spent + (time.process_time() - started) / args.threads
        progress = min(1.0, elapsed / total)
        if progress >= 1:
            break
        rate = args.lr * min(1, (step + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        x = torch.from_numpy(pieces.batch(args.batch)).to(device)
        y, commit = model(x, torch.from_numpy(choice.choice([2, 4, 8, 8], args.batch)))
        wave = (y - x).abs().mean() / x.abs().mean()
        power = (y - x).pow(2).mean() / x.pow(2).mean()
        spectral = mel.loss(y, x)
        # The waveform leads at first: the spectra alone are satisfied with noise of the right colour.
        loss = wave + power + (0.3 + args.mel * progress) * spectral + args.commit * commit
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        sums += [wave.item(), power.item(), spectral.item(), commit.item()]
        if step % 100 == 0:
            names = zip(("wave", "power", "mel", "commit"), sums / 100)
            row = dict(step=step, minutes=round(elapsed / 60, 2), **{k: round(float(v), 4) for k, v in names}, lr=round(rate, 6))
            print(json.dumps(row), file=log, flush=True)
            sums[:] = 0
        if step % 250 == 0:
            save(args, model, optimizer, step, elapsed)
    save(args, model, optimizer, step, elapsed)


def official(model):
    """State dict under the published names."""
    tensors = {}
    for key, value in model.state_dict().items():
        if key.startswith("quantizer."):
            if not key.endswith(".embed"):
                continue
            key = key.replace("quantizer.layers", "quantizer.vq.layers").replace(".embed", "._codebook.embed")
        tensors[key] = value.half().contiguous().cpu()
    return tensors


def save(args, model, optimizer, step, spent):
    state = dict(model=model.state_dict(), optimizer=optimizer.state_dict(), step=step, spent=spent)
    torch.save(state, f"{args.out}/state.pt.tmp")
    os.replace(f"{args.out}/state.pt.tmp", f"{args.out}/state.pt")
    description = dict(format="encodec", name=NAME, sample_rate=str(sounds.RATE), step=str(step))
    save_file(official(model), f"{args.out}/{NAME}.safetensors", description)


def trained(args):
    """The codec with the weights that were written, as float32."""
    tensors = load_file(f"{args.out}/{NAME}.safetensors")
    filters = tensors["encoder.model.0.conv.conv.weight_v"].shape[0]
    dimension = tensors["quantizer.vq.layers.0._codebook.embed"].shape[1]
    model = Codec(filters, dimension)
    names = {k.replace("quantizer.vq.layers", "quantizer.layers").replace("._codebook.embed", ".embed"): v.float()
             for k, v in tensors.items()}
    missing, unexpected = model.load_state_dict(names, strict=False)
    assert not unexpected and all(k.endswith((".size", ".total")) for k in missing), (missing, unexpected)
    return model.eval()


def si_sdr(y, x):
    """dB between what of y is x at some loudness and what is not (Le Roux et al. 2018)."""
    part = (x @ y) / (x @ x) * x
    return 10 * math.log10(float(part @ part) / max(float((y - part) @ (y - part)), 1e-12))


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


def measured(mel, y, x):
    both = [torch.from_numpy(s)[None, None] for s in (y, x)]
    return dict(si_sdr=round(si_sdr(y.astype(np.float64), x.astype(np.float64)), 2), mel=round(mel.distance(*both), 2))


@torch.no_grad()
def evaluate(args):
    torch.set_num_threads(args.threads)
    model, mel = trained(args), Mel(EVALUATION_SIZES, 1e-4)
    rows = []
    for kind, clip, x in sounds.held_out(args.media):
        row = dict(clip=clip, kind=kind, seconds=round(len(x) / sounds.RATE, 2), codec={}, opus={})
        for kbps, books in BANDWIDTHS.items():
            y = model(torch.from_numpy(x)[None, None], torch.tensor([books]))[0]
            row["codec"][kbps] = measured(mel, y[0, 0].numpy(), x)
        for kbps in (6, 12):
            y, rate = opus(x, kbps)
            row["opus"][kbps] = dict(kbps=round(rate, 2), **measured(mel, y, x))
        print(json.dumps(row))
        rows.append(row)
    path = f"{args.out}/{NAME}.safetensors"
    digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
    with open(f"{args.out}/evaluation.json", "w") as f:
        json.dump(dict(clips=rows, bytes=os.path.getsize(path), sha256=digest), f, indent=1)


@torch.no_grad()
def fixture(args):
    """A short sound with the codes and the audio that the network makes of it."""
    model = trained(args)
    audio = torch.from_numpy(sounds.speech(np.random.default_rng(5), ["en-us"])[6000:6000 + 30 * HOP + 100])[None, None]
    z = model.encode(audio)
    codes = model.quantizer.codes(z, BOOKS)
    vectors = sum(layer.embed[codes[:, k]] for k, layer in enumerate(model.quantizer.layers))
    decoded = model.decode(vectors.t()[None, :, None], HOP * len(codes))[0]
    tensors = dict(audio=audio[0], codes=codes.int(), decoded=decoded)
    save_file({k: v.contiguous() for k, v in tensors.items()}, args.fixture)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--media", help="folder with the recordings that sounds.py names")
    parser.add_argument("--out", default="run-encodec")
    parser.add_argument("--minutes", type=float, default=120, help="CPU minutes per thread")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=48, help="frames of a piece")
    parser.add_argument("--lr", type=float, default=1e-5)
    parser.add_argument("--mel", type=float, default=0.7, help="weight that the spectra gain by the end")
    parser.add_argument("--commit", type=float, default=0.3, help="weight of the quantiser's error")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--filters", type=int, default=10)
    parser.add_argument("--dimension", type=int, default=48)
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
