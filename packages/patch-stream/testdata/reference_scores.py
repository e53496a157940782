"""Scores of codec-patch-stream's formulas by PyTorch: `reference_scores.py FRAMES T H W h w` prints them as
JSON, from frames of RGB in a file and the size that they are resized to."""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F

REACH = 4


def percentile(values, percent):
    rank = int(np.floor(percent / 100 * (values.numel() - 1) + 0.5))
    return torch.kthvalue(values.flatten(), rank + 1).values


def share(values):
    return (values / torch.clamp(percentile(values, 95), min=1e-6)).clamp(0, 1)


def energy(now, before):
    """Of a frame beside the one before: how far the best single-pixel match is, and what remains."""
    height, width = now.shape
    best = torch.full((height, width), float("inf"))
    length = torch.zeros(height, width)
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            moved = torch.full((height, width), float("inf"))
            y0, y1 = max(0, dy), min(height, height + dy)
            x0, x1 = max(0, dx), min(width, width + dx)
            moved[y0:y1, x0:x1] = before[y0 - dy : y1 - dy, x0 - dx : x1 - dx]
            rest = (now - moved).abs()
            better = rest < best
            best = torch.where(better, rest, best)
            length = torch.where(better, torch.tensor(float(np.sqrt(dx * dx + dy * dy))), length)
    return 0.5 * (share(length) + share(best))


def scores(frames, target, patch=14):
    count, height, width, _ = frames.shape
    resize = lambda x, size: F.interpolate(x, size=size, mode="bilinear", align_corners=False)
    luma = 0.299 * frames[..., 0] + 0.587 * frames[..., 1] + 0.114 * frames[..., 2]
    small = (min(height, max(32, height // 4)), min(width, max(32, width // 4)))
    small_luma = resize(luma[:, None], small)[:, 0]
    still = torch.zeros(small)
    each = [still] + [energy(small_luma[t], small_luma[t - 1]) for t in range(1, count)]
    full = resize(torch.stack(each)[:, None], (height, width)).clamp(0, 1)
    return F.avg_pool2d(resize(full, target), patch) * patch**2


path, *sizes = sys.argv[1:]
count, height, width, *target = map(int, sizes)
frames = torch.from_numpy(np.fromfile(path, np.uint8).reshape(count, height, width, 3)).float()
print(json.dumps([round(float(x), 5) for x in scores(frames, tuple(target)).flatten()]))
