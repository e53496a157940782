"""Trains vq-tiny: a video tokenizer for two CPU cores.

17x128x128 RGB -> 18 bits x 5x16x16 -> 17x128x128 RGB. Time goes in groups: frame 0 alone, then four
frames each. Everything is a 2-D network over a group, plus 1x1 convolutions over the
group and the two before and after it: a window is coded whole, so what stands still in it
gets the bits of all its groups.

    python vq_tiny.py --media FOLDER --minutes 138 --out run
    python vq_tiny.py --media FOLDER --evaluate --out run
    python vq_tiny.py --fixture FILE --out run
"""
import argparse
import hashlib
import json
import os
import re
import subprocess

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import data
from training import Training


# A position has 7 values, and 18 bits in planes: all have the two highest bits of their Gray code,
# three have a third, one has a fourth.
PLANES = [7, 7, 3, 1]
VALUES = PLANES[0]


def to_bits(values):
    """Values [B,7,...] in [-1,1] -> 18 numbers whose signs are the bits, highest plane first."""
    planes = []
    for place, count in enumerate(PLANES, 1):
        planes.append(values[:, :count])
        values = planes[-1].abs() - 2.0 ** -place
    return torch.cat(planes, 1)


def to_values(bits):
    """Signs [B,18,...] of +-1 -> values [B,7,...], each the middle of its step."""
    value = torch.zeros_like(bits[:, :0])
    for place, signs in reversed(list(enumerate(bits.split(PLANES, 1), 1))):
        rest = torch.zeros_like(signs)
        rest[:, :value.shape[1]] = value
        value = signs * (2.0 ** -place + rest)
    return value


def quantise(values):
    """The middle of the step that each value [B,7,...] in [-1,1] lies in."""
    bits = [sum(count > i for count in PLANES) for i in range(VALUES)]
    half = torch.tensor([2.0 ** (n - 1) for n in bits], device=values.device).reshape(1, -1, 1, 1, 1)
    return (torch.floor(values * half).clamp(-half, half - 1) + 0.5) / half


# Steps after which the encoder's last norm stays as it is.
BALANCED = 300


# Where a time mix looks: so many groups back, or on.
BACK = [0, 1, 2, -1, -2]


class TimeMix(nn.Module):
    """1x1 convolution over a group and the two groups before and after it."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(len(BACK) * channels, channels, 1)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x, groups):
        n, c, h, w = x.shape
        g = x.reshape(n // groups, groups, c, h, w)
        near = [F.pad(g, (0, 0, 0, 0, 0, 0, back, -back)) for back in BACK]
        near = torch.cat(near, 2).reshape(n, -1, h, w).contiguous(memory_format=torch.channels_last)
        return x + self.conv(near)


class Block(nn.Module):
    """x + conv(lrelu(conv(lrelu(x)))), then the time mix."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = TimeMix(channels)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, groups):
        y = self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, 0.1)), 0.1))
        return self.time(x + y, groups)


class Stage(nn.ModuleList):
    def forward(self, x, groups):
        for block in self:
            x = block(x, groups)
        return x


class Encoder(nn.Module):
    def __init__(self, c1=64, n1=1, c2=160, n2=3):
        super().__init__()
        self.conv_in = nn.Conv2d(192, c1, 3, padding=1)
        self.fine = Stage(Block(c1) for _ in range(n1))
        self.down = nn.Conv2d(4 * c1, c2, 1)
        self.coarse = Stage(Block(c2) for _ in range(n2))
        self.conv_out = nn.Conv2d(c2, VALUES, 1)
        # Makes the steps about evenly used at first, then stays as it is: batches differ in brightness,
        # and the decoder could not know by how much. Folded into conv_out when written.
        self.balance = nn.BatchNorm2d(VALUES, affine=False, momentum=0.01)

    def forward(self, x):
        """x [B,17,3,H,W] in [-1,1] -> values in [-1,1] [B,7,5,H/8,W/8]."""
        b, _, _, h, w = x.shape
        x = torch.cat([x[:, :1].expand(-1, 3, -1, -1, -1), x], 1)
        x = x.reshape(b * 5, 12, h, w)
        x = F.pixel_unshuffle(x, 4).contiguous(memory_format=torch.channels_last)
        x = self.fine(self.conv_in(x), 5)
        x = self.coarse(self.down(F.pixel_unshuffle(x, 2)), 5)
        x = torch.tanh(self.balance(self.conv_out(x)))
        return x.reshape(b, 5, VALUES, h // 8, w // 8).transpose(1, 2)


class Decoder(nn.Module):
    def __init__(self, c1=80, n1=2, c2=192, n2=4):
        super().__init__()
        self.conv_in = nn.Conv2d(VALUES, c2, 3, padding=1)
        self.coarse = Stage(Block(c2) for _ in range(n2))
        self.up = nn.Conv2d(c2, 4 * c1, 1)
        self.fine = Stage(Block(c1) for _ in range(n1))
        self.conv_out = nn.Conv2d(c1, 192, 3, padding=1)

    def forward(self, values):
        """values [B,7,5,h,w] -> frames [B,17,3,8h,8w] in [-1,1], not clamped."""
        b, _, _, h, w = values.shape
        x = values.transpose(1, 2).reshape(b * 5, VALUES, h, w).contiguous(memory_format=torch.channels_last)
        x = self.coarse(self.conv_in(x), 5)
        x = self.fine(F.pixel_shuffle(self.up(x), 2), 5)
        x = F.pixel_shuffle(self.conv_out(x), 4)
        return x.reshape(b, 20, 3, 8 * h, 8 * w)[:, 3:]


class Tokenizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, x):
        values = self.encoder(x)
        return self.decoder(values + (quantise(values) - values).detach())


def gradients(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def edge_loss(error):
    """L1 of the error's image gradients at three scales."""
    total, error = 0.0, error.flatten(0, 1)
    for _ in range(3):
        total = total + sum(g.abs().mean() for g in gradients(error))
        error = F.avg_pool2d(error, 2)
    return total / 6


def to_float(u8):
    return u8.permute(0, 1, 4, 2, 3).float() / 127.5 - 1


def decibels(squares):
    return -10 * (squares.detach() / 4).log10().mean().item()


def loss_of(model, x):
    """Logarithms, so that a dB counts as much in an easy scene as in a hard one. Of the steps that the
    error makes from frame to frame one is from the last to the first: in a still scene, the seam
    between two windows."""
    error = model(x) - x
    errors = (error ** 2).mean((1, 2, 3, 4))
    steps = ((error - error.roll(1, 1)) ** 2).mean((1, 2, 3, 4))
    edges = edge_loss(error)
    loss = (errors + 2e-4).log().mean() + 0.15 * (steps + 5e-5).log().mean() + 2 * edges
    return loss, dict(psnr=decibels(errors), steps=decibels(steps), edges=edges.item())


def is_inside(name, parameter):
    return parameter.ndim == 4 and not re.search("conv_(in|out)", name)


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    os.makedirs(args.out, exist_ok=True)
    model = Tokenizer().to(device, memory_format=torch.channels_last)
    ema = Tokenizer().to(device, memory_format=torch.channels_last)
    ema.load_state_dict(model.state_dict())
    if args.start:
        begin_with(args.start, model, ema)
    training = Training(args, dict(model=model, ema=ema), is_inside, warm_up=200)
    clips = data.training_clips(args.media, args.procedural, args.seed, f"{args.out}/clips.npz")
    crops = data.Crops(clips, 64, args.seed + training.step)
    for step in training:
        model.encoder.balance.train(step < BALANCED and not args.start)
        with torch.autocast(device, torch.bfloat16, enabled=args.bfloat16):
            loss, figures = loss_of(model, to_float(crops.batch(args.batch).to(device)))
        training.descend(loss, figures)
        follow(ema, model, min(0.999, (step + 1) / (step + 21)))
        if training.step % 250 == 0 or training.progress >= 1:
            training.save()
            write(args, ema, training.step)


def begin_with(folder, *models):
    """Weights of before; where they looked at fewer groups, the others count nothing at first."""
    for half in ("encoder", "decoder"):
        kept = load_file(f"{folder}/{half}.safetensors")
        for model in models:
            own = getattr(model, half).state_dict()
            for name, value in kept.items():
                own[name] = torch.zeros_like(own[name])
                own[name][tuple(slice(n) for n in value.shape)] = value
            getattr(model, half).load_state_dict(own)


@torch.no_grad()
def follow(ema, model, decay):
    for a, b in zip(ema.parameters(), model.parameters()):
        a.lerp_(b, 1 - decay)
    for a, b in zip(ema.buffers(), model.buffers()):
        a.copy_(b)


def write(args, model, step):
    for half in ("encoder", "decoder"):
        tensors = {k: rounded(v).cpu().contiguous() for k, v in folded(getattr(model, half)).items()}
        save_file(tensors, f"{args.out}/{half}.safetensors", {"format": "vq-tiny", "half": half, "step": str(step)})


def rounded(tensor):
    """float16 of seven significant bits: the picture loses nothing by it, and files compress by a fifth."""
    bits = tensor.half().view(torch.int16).int()
    return ((bits + 8) >> 4 << 4).short().view(torch.float16)


def folded(module):
    """State dict without the batch norm: its mean and deviation go into conv_out."""
    tensors = dict(module.state_dict())
    if "balance.running_mean" in tensors:
        deviation = (tensors.pop("balance.running_var") + module.balance.eps).sqrt()
        mean = tensors.pop("balance.running_mean")
        del tensors["balance.num_batches_tracked"]
        tensors["conv_out.weight"] = tensors["conv_out.weight"] / deviation[:, None, None, None]
        tensors["conv_out.bias"] = (tensors["conv_out.bias"] - mean) / deviation
    return tensors


def ssim(a, b):
    """Mean SSIM of luma images in 0..1, 11x11 Gaussian window of sigma 1.5 (Wang et al. 2004)."""
    g = torch.exp(-((torch.arange(11) - 5.0) ** 2) / (2 * 1.5 ** 2))
    window = (g[:, None] * g[None] / g.sum() ** 2)[None, None]
    def blur(x):
        return F.conv2d(x, window)
    luma = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
    a, b = (a * luma).sum(1, True), (b * luma).sum(1, True)
    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma ** 2, blur(b * b) - mb ** 2, blur(a * b) - ma * mb
    c1, c2 = 0.01 ** 2, 0.03 ** 2
    return (((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma ** 2 + mb ** 2 + c1) * (va + vb + c2))).mean().item()


def steps_of_error(error, axis, every):
    """Mean step of the error from one sample to the next along an axis, over the joins and elsewhere."""
    steps = np.abs(np.diff(error, axis=axis)).mean(tuple(a for a in range(error.ndim) if a != axis))
    joins = np.arange(1, len(steps) + 1) % every == 0
    return steps[joins].mean(), steps[~joins].mean()


def join_windows(frames, alike=6, fade=8):
    """What receivers do about seams (packages/video-vq/stream/boundary_smoothing.ts): a small difference between a window's
    first frame and the one before is carried over and fades out within eight frames."""
    for start in range(17, len(frames), 17):
        difference = frames[start - 1].astype(np.float32) - frames[start]
        carried = difference * np.clip(2 - np.abs(difference) / alike, 0, 1)
        for t in range(fade):
            joined = frames[start + t] + np.floor(carried * (fade - t) / (fade + 1) + 0.5)
            frames[start + t] = np.clip(joined, 0, 255)
    return frames


def rebuild(model, clip):
    """Whole windows of a clip [T,H,W,3] through the tokens and back, as uint8."""
    windows = [model(to_float(torch.from_numpy(clip[None, t:t + 17])))[0] for t in range(0, len(clip) - 16, 17)]
    frames = ((torch.cat(windows).clamp(-1, 1) + 1) * 127.5).round()
    return join_windows(frames.byte().permute(0, 2, 3, 1).numpy())


def measure(name, x, y):
    errors = ((y.astype(np.float32) - x) ** 2).reshape(-1, 17, *x.shape[1:]).mean((1, 2, 3, 4)) / 255 ** 2
    as_images = [torch.from_numpy(v).permute(0, 3, 1, 2).float() / 255 for v in (y, x)]
    row = dict(clip=name, windows=len(errors), psnr=np.mean(-10 * np.log10(np.maximum(errors, 1e-10))), ssim=ssim(*as_images))
    error = y.astype(np.float32) - x
    row["block_seams"] = sum(joins / others for joins, others in (steps_of_error(error, axis, 8) for axis in (1, 2))) / 2
    if len(errors) > 1:
        row["window_step"], others = steps_of_error(error, 0, 17)
        row["window_seams"] = row["window_step"] / others
    return {k: round(float(v), 4) if isinstance(v, (float, np.floating)) else v for k, v in row.items()}


def picture(path, x, y):
    """Frames 0, 5, 11 and 16 of a clip above what is made of them, as a PNG."""
    sheet = np.concatenate([np.concatenate(list(v[[0, 5, 11, 16]]), 1) for v in (x, y)], 0)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{sheet.shape[1]}x{sheet.shape[0]}",
                    "-i", "-", "-frames:v", "1", path], input=np.ascontiguousarray(sheet).tobytes(), check=True)


def kept_out(media):
    """The middle square at 128x128 of every clip of a kept-out source, 12 windows at most."""
    for name in data.split()[1]:
        for file in data.SOURCES[name]:
            clip = data.read_clip(f"{media}/{file}", 128, most=17 * 12)
            top, left = (clip.shape[1] - 128) // 2, (clip.shape[2] - 128) // 2
            yield file, clip[:len(clip) // 17 * 17, top:top + 128, left:left + 128]


def written(args):
    """The network with the weights as they are in the files."""
    model = Tokenizer()
    model.load_state_dict(torch.load(f"{args.out}/state.pt", weights_only=True, map_location="cpu")["ema"])
    model.eval()
    for half in (model.encoder, model.decoder):
        weights = {k: rounded(v).float() for k, v in folded(half).items()}
        half.balance = nn.Identity() if hasattr(half, "balance") else None
        half.load_state_dict(weights)
    return model


@torch.no_grad()
def evaluate(args):
    torch.set_num_threads(args.threads)
    model = written(args)
    os.makedirs(f"{args.out}/pictures", exist_ok=True)
    rows = []
    for name, clip in kept_out(args.media):
        made = rebuild(model, clip)
        rows.append(measure(name, clip, made))
        picture(f"{args.out}/pictures/{name}.png", clip, made)
        print(rows[-1], flush=True)
    scene = data.procedural_clip(np.random.default_rng(77))
    picture(f"{args.out}/pictures/scene.png", scene, rebuild(model, scene))
    values = [r["psnr"] for r in rows]
    result = dict(clips=rows, median=round(float(np.median(values)), 2), mean=round(float(np.mean(values)), 2))
    for half in ("encoder", "decoder"):
        with open(f"{args.out}/{half}.safetensors", "rb") as file:
            result[f"{half}_sha256"] = hashlib.sha256(file.read()).hexdigest()
    with open(f"{args.out}/evaluation.json", "w") as f:
        json.dump(result, f, indent=1)
    print("median", result["median"], "mean", result["mean"])


@torch.no_grad()
def fixture(args):
    """A small window with what the network makes of it, for the test of the ONNX graph."""
    model = written(args)
    frames = torch.from_numpy(data.procedural_clip(np.random.default_rng(5), size=128)[None, :, :16, :24])
    latent = to_bits(model.encoder(to_float(frames)))
    decoded = model.decoder(to_values(torch.where(latent > 0, 1.0, -1.0)))
    save_file(dict(frames=frames[0].contiguous(), latent=latent.contiguous(), decoded=decoded.transpose(1, 2).contiguous()), args.fixture)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--media", help="folder with the clips that data.py names")
    parser.add_argument("--out", default="run")
    parser.add_argument("--minutes", type=float, default=138, help="processor minutes, of all threads together")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--procedural", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", help="folder with the weights to begin with")
    parser.add_argument("--bfloat16", action="store_true", help="compute in bfloat16 where that loses little")
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--fixture", help="file to write the window for the test of the graph to")
    args = parser.parse_args()
    if args.fixture:
        fixture(args)
    elif args.evaluate:
        evaluate(args)
    else:
        train(args)
