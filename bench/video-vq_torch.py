"""PyTorch's time and output for the video tokenizer's two halves, for comparison with ours.

    python bench/video-vq_torch.py CHECKPOINT.safetensors FOLDER [--threads N] [--runs N]

Reads the same checkpoint as our command (keys of the authors' file), `frames.f32` [1,3,T,H,W] and
its size as `frames.json` from FOLDER, writes `latent.f32` and `reconstruction.f32` there, and
prints the best seconds, passed and of CPU, as JSON. Needs torch and safetensors.
"""
import argparse
import json
import time

import numpy
import torch
import torch.nn.functional as F
from safetensors import safe_open


class Network:
    def __init__(self, path):
        self.file = safe_open(path, "pt")
        self.keys = set(self.file.keys())
        self.cache = {}

    def get(self, key):
        if key not in self.cache:
            self.cache[key] = self.file.get_tensor(key) if key in self.keys else None
        return self.cache[key]

    def conv(self, x, key, stride=1):
        weight = self.get(f"{key}.weight")
        if weight.shape[2] == 3:
            x = F.pad(x, (1, 1, 1, 1, 2, 0))
        return F.conv3d(x, weight, self.get(f"{key}.bias"), stride)

    def norm(self, x, key):
        return F.group_norm(x, 32, self.get(f"{key}.weight"), self.get(f"{key}.bias"), 1e-6)

    def blocks(self, x, key):
        i = 0
        while f"{key}.{i}.norm1.weight" in self.keys:
            y = self.conv(F.silu(self.norm(x, f"{key}.{i}.norm1")), f"{key}.{i}.conv1.conv_1")
            y = self.conv(F.silu(self.norm(y, f"{key}.{i}.norm2")), f"{key}.{i}.conv2.conv_1")
            if f"{key}.{i}.nin_shortcut.conv_1.weight" in self.keys:
                x = self.conv(x, f"{key}.{i}.nin_shortcut.conv_1")
            x = x + y
            i += 1
        return x

    def levels(self, key):
        return sum(f"{key}.{i}.block.0.norm1.weight" in self.keys for i in range(16))

    def encode(self, x):
        x = self.conv(x, "encoder.conv_in.conv_1")
        levels = self.levels("encoder.down")
        for level in range(levels):
            x = self.blocks(x, f"encoder.down.{level}.block")
            if level + 1 < levels:
                stride = (1 if level == 0 else 2, 2, 2)
                x = self.conv(x, f"encoder.down.{level}.downsample.conv_1", stride)
        x = self.blocks(x, "encoder.mid_block")
        return self.conv(F.silu(self.norm(x, "encoder.norm_out")), "encoder.conv_out.conv_1")

    def adaptive(self, x, z, key):
        mean = z.mean((2, 3, 4))
        spread = (z.var((2, 3, 4)) + 1e-6).sqrt()
        scale = F.linear(spread, self.get(f"{key}.gamma.weight"), self.get(f"{key}.gamma.bias"))
        shift = F.linear(mean, self.get(f"{key}.beta.weight"), self.get(f"{key}.beta.bias"))
        y = F.group_norm(x, 32, eps=1e-6)
        return y * scale[..., None, None, None] + shift[..., None, None, None]

    def upsample(self, x, key, blocks):
        x = self.conv(x, key)
        t, h, w = blocks
        n, c, frames, height, width = x.shape
        x = x.view(n, t, h, w, c // (t * h * w), frames, height, width)
        x = x.permute(0, 4, 5, 1, 6, 2, 7, 3).reshape(n, -1, frames * t, height * h, width * w)
        return x if t == 1 else torch.cat([x[:, :, :1], x[:, :, 2:]], 2)

    def decode(self, z):
        x = self.blocks(self.conv(z, "decoder.conv_in.conv_1"), "decoder.mid_block")
        for level in reversed(range(self.levels("decoder.up"))):
            x = self.adaptive(x, z, f"decoder.adaptive.{level}")
            x = self.blocks(x, f"decoder.up.{level}.block")
            if level > 0:
                blocks = (1 if level == 1 else 2, 2, 2)
                x = self.upsample(x, f"decoder.up.{level}.upsample.conv1.conv_1", blocks)
        return self.conv(F.silu(self.norm(x, "decoder.norm_out")), "decoder.conv_out.conv_1")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network = Network(options.checkpoint)
    shape = json.load(open(f"{options.folder}/frames.json"))
    frames = torch.from_numpy(numpy.fromfile(f"{options.folder}/frames.f32", "<f4").reshape(shape))

    def timed(run, value):
        best = [float("inf"), float("inf")]
        for _ in range(options.runs):
            start, cpu = time.perf_counter(), time.process_time()
            out = run(value)
            seconds = [time.perf_counter() - start, time.process_time() - cpu]
            best = [min(pair) for pair in zip(best, seconds)]
        return out, best

    with torch.inference_mode():
        latent, encode = timed(network.encode, frames)
        quant = torch.where(latent > 0, 1.0, -1.0)
        reconstruction, decode = timed(network.decode, quant)
    latent.numpy().tofile(f"{options.folder}/latent.f32")
    reconstruction.numpy().tofile(f"{options.folder}/reconstruction.f32")
    print(json.dumps({"encode": encode, "decode": decode, "torch": torch.__version__}))


main()
