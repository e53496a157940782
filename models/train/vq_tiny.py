"""Trains vq-tiny: a causal video tokenizer for two CPU cores.

17x128x128 RGB -> 18 sign bits x 5x16x16 -> 17x128x128 RGB. Time goes in groups: frame 0 alone,
then four frames each. Everything is a 2-D network over a group, plus 1x1 convolutions over the
group and the two before it, so that no output depends on a later frame.

    python vq_tiny.py --media FOLDER --minutes 120 --out run
    python vq_tiny.py --media FOLDER --evaluate --out run
    python vq_tiny.py --fixture FILE --out run
"""
import argparse
import hashlib
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

import data


class TimeMix(nn.Module):
    """1x1 convolution over a group and the two groups before it."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(3 * channels, channels, 1)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x, groups):
        n, c, h, w = x.shape
        g = x.reshape(n // groups, groups, c, h, w)
        one = F.pad(g[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0))
        two = F.pad(g[:, :-2], (0, 0, 0, 0, 0, 0, 2, 0))
        return x + self.conv(torch.cat([g, one, two], 2).reshape(n, 3 * c, h, w))


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
        self.conv_out = nn.Conv2d(c2, 18, 1)
        # Keeps every bit near an even split while training; folded into conv_out when written.
        self.balance = nn.BatchNorm2d(18, affine=False, momentum=0.01)

    def forward(self, x):
        """x [B,17,3,H,W] in [-1,1] -> latents before the sign [B,18,5,H/8,W/8]."""
        b, _, _, h, w = x.shape
        x = torch.cat([x[:, :1].expand(-1, 3, -1, -1, -1), x], 1)
        x = x.reshape(b * 5, 12, h, w)
        x = F.pixel_unshuffle(x, 4).contiguous(memory_format=torch.channels_last)
        x = self.fine(self.conv_in(x), 5)
        x = self.coarse(self.down(F.pixel_unshuffle(x, 2)), 5)
        return self.balance(self.conv_out(x)).reshape(b, 5, 18, h // 8, w // 8).transpose(1, 2)


class Decoder(nn.Module):
    def __init__(self, c1=80, n1=2, c2=192, n2=4):
        super().__init__()
        self.conv_in = nn.Conv2d(18, c2, 3, padding=1)
        self.coarse = Stage(Block(c2) for _ in range(n2))
        self.up = nn.Conv2d(c2, 4 * c1, 1)
        self.fine = Stage(Block(c1) for _ in range(n1))
        self.conv_out = nn.Conv2d(c1, 192, 3, padding=1)

    def forward(self, bits):
        """bits [B,18,5,h,w] of +-1 -> frames [B,17,3,8h,8w] in [-1,1], not clamped."""
        b, _, _, h, w = bits.shape
        x = bits.transpose(1, 2).reshape(b * 5, 18, h, w).contiguous(memory_format=torch.channels_last)
        x = self.coarse(self.conv_in(x), 5)
        x = self.fine(F.pixel_shuffle(self.up(x), 2), 5)
        x = F.pixel_shuffle(self.conv_out(x), 4)
        return x.reshape(b, 20, 3, 8 * h, 8 * w)[:, 3:]


class Tokenizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, x, noise=0.0):
        h = torch.tanh(self.encoder(x))
        if noise:
            h = h + noise * torch.randn_like(h)
        q = h + (torch.where(h > 0, 1.0, -1.0) - h).detach()
        return self.decoder(q), h


def gradients(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def edge_loss(y, x):
    """L1 of the image gradients at three scales."""
    total = 0.0
    y, x = y.flatten(0, 1), x.flatten(0, 1)
    for _ in range(3):
        total = total + sum((a - b).abs().mean() for a, b in zip(gradients(y), gradients(x)))
        y, x = F.avg_pool2d(y, 2), F.avg_pool2d(x, 2)
    return total / 6


def to_float(u8):
    return u8.permute(0, 1, 4, 2, 3).float() / 127.5 - 1


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    os.makedirs(args.out, exist_ok=True)
    model = Tokenizer().to(memory_format=torch.channels_last)
    ema = Tokenizer().to(memory_format=torch.channels_last)
    ema.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=1e-4)
    step, spent = 0, 0.0
    checkpoint = f"{args.out}/state.pt"
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
    crops = data.Crops(data.training_clips(args.media, args.procedural, args.seed), 64, args.seed + step)
    log = open(f"{args.out}/log.jsonl", "a")
    total, started, sums = args.minutes * 60, time.process_time(), np.zeros(3)
    while True:
        elapsed = spent + (time.process_time() - started) / args.threads
        progress = min(1.0, elapsed / total)
        if progress >= 1:
            break
        rate = args.lr * min(1, (step + 1) / 200) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        x = to_float(crops.batch(args.batch))
        y, h = model(x, noise=0.1 * (1 - progress))
        mse = ((y - x) ** 2).mean()
        robust = torch.sqrt((y - x) ** 2 + 1e-4).mean()
        edges = edge_loss(y, x)
        bits = h.mean((0, 2, 3, 4))
        loss = 2 * mse + 0.5 * robust + 0.5 * edges + 0.02 * (bits ** 2).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        decay = min(0.999, step / (step + 20))
        with torch.no_grad():
            for a, b in zip(ema.parameters(), model.parameters()):
                a.lerp_(b, 1 - decay)
            for a, b in zip(ema.buffers(), model.buffers()):
                a.copy_(b)
        sums += [mse.item(), robust.item(), edges.item()]
        if step % 100 == 0:
            mean = sums / 100
            psnr = -10 * math.log10(mean[0] / 4)
            print(json.dumps(dict(step=step, minutes=round(elapsed / 60, 2), psnr=round(psnr, 3), edges=round(mean[2], 5), lr=rate)),
                  file=log, flush=True)
            sums[:] = 0
        if step % 500 == 0 or progress >= 1:
            save(args, model, ema, optimizer, step, elapsed)
    save(args, model, ema, optimizer, step, elapsed)


def save(args, model, ema, optimizer, step, spent):
    temporary = f"{args.out}/state.pt.tmp"
    torch.save(dict(model=model.state_dict(), ema=ema.state_dict(), optimizer=optimizer.state_dict(),
                    step=step, spent=spent), temporary)
    os.replace(temporary, f"{args.out}/state.pt")
    for half in ("encoder", "decoder"):
        tensors = {k: v.half().contiguous() for k, v in folded(getattr(ema, half)).items()}
        save_file(tensors, f"{args.out}/{half}.safetensors", {"format": "vq-tiny", "half": half, "step": str(step)})


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


@torch.no_grad()
def evaluate(args):
    torch.set_num_threads(args.threads)
    model = Tokenizer()
    model.load_state_dict(torch.load(f"{args.out}/state.pt", weights_only=True)["ema"])
    model.half().float().eval()
    rows = []
    for name in data.split()[1]:
        for file in data.SOURCES[name]:
            clip = data.read_clip(f"{args.media}/{file}", 128, most=17 * 12)
            top, left = (clip.shape[1] - 128) // 2, (clip.shape[2] - 128) // 2
            clip = clip[:, top:top + 128, left:left + 128]
            errors, similar = [], []
            for t in range(0, len(clip) - 16, 17):
                x = to_float(torch.from_numpy(clip[None, t:t + 17]))
                y = model(x)[0].clamp(-1, 1)
                y = ((y + 1) * 127.5).round() / 255
                x = (x + 1) / 2
                errors.append(((y - x) ** 2).mean().item())
                similar.append(ssim(y[0], x[0]))
            psnr = float(np.mean([-10 * math.log10(max(e, 1e-10)) for e in errors]))
            rows.append(dict(clip=file, windows=len(errors), psnr=round(psnr, 2), ssim=round(float(np.mean(similar)), 4)))
            print(rows[-1])
    values = [r["psnr"] for r in rows]
    result = dict(clips=rows, median=round(float(np.median(values)), 2), mean=round(float(np.mean(values)), 2))
    for half in ("encoder", "decoder"):
        path = f"{args.out}/{half}.safetensors"
        if os.path.exists(path):
            result[f"{half}_sha256"] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    with open(f"{args.out}/evaluation.json", "w") as f:
        json.dump(result, f, indent=1)
    print("median", result["median"], "mean", result["mean"])


@torch.no_grad()
def fixture(args):
    """A small window with what the network makes of it, for the test of the ONNX graph."""
    model = Tokenizer()
    model.load_state_dict(torch.load(f"{args.out}/state.pt", weights_only=True)["ema"])
    model.eval()
    for half in (model.encoder, model.decoder):
        rounded = {k: v.half().float() for k, v in folded(half).items()}
        half.balance = nn.Identity() if hasattr(half, "balance") else None
        half.load_state_dict(rounded)
    frames = torch.from_numpy(data.procedural_clip(np.random.default_rng(5), size=128)[None, :, :16, :24])
    latent = model.encoder(to_float(frames))
    decoded = model.decoder(torch.where(latent > 0, 1.0, -1.0))
    save_file(dict(frames=frames[0].contiguous(), latent=latent.contiguous(), decoded=decoded.transpose(1, 2).contiguous()), args.fixture)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--media", help="folder with the clips that data.py names")
    parser.add_argument("--out", default="run")
    parser.add_argument("--minutes", type=float, default=120, help="CPU minutes per thread")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--procedural", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--fixture", help="file to write the window for the test of the graph to")
    args = parser.parse_args()
    if args.fixture:
        fixture(args)
    elif args.evaluate:
        evaluate(args)
    else:
        train(args)
