"""EnCodec in plain PyTorch, for comparison: the same layers, eager mode, one segment per call.

Times decoding and encoding, or checks our numbers against PyTorch's on a checkpoint.

  python bench/encodec-stream_torch.py time encodec_48khz --threads 2 [--checkpoint FILE]
  python bench/encodec-stream_torch.py serve encodec_48khz --threads 2
  python bench/encodec-stream_torch.py dump encodec_48khz --checkpoint FILE --out FILE.npz

FILE is Meta's .th or a .safetensors file with the same keys. `time` and `dump` print one line of
JSON; `serve` reads "decode" or "encode" line by line and prints the milliseconds that it took, on the
clock and of all processors.
"""

import argparse
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

STRIDES = (8, 5, 4, 2)


def reflect(x, left, right):
    """Mirror padding that also works where the signal is shorter than the padding."""
    extra = max(0, max(left, right) + 1 - x.shape[-1])
    y = F.pad(F.pad(x, (0, extra)), (left, right), "reflect")
    return y[..., : y.shape[-1] - extra] if extra else y


class Conv(nn.Module):
    def __init__(self, causal, cin, cout, kernel, stride=1):
        super().__init__()
        self.causal, self.stride, self.total = causal, stride, kernel - stride
        conv = nn.Conv1d(cin, cout, kernel, stride)
        self.conv = nn.Module()
        self.conv.conv = nn.utils.weight_norm(conv) if causal else conv
        if not causal:
            self.conv.norm = nn.GroupNorm(1, cout)

    def forward(self, x):
        extra = -x.shape[-1] % self.stride
        right = 0 if self.causal else self.total // 2
        y = self.conv.conv(reflect(x, self.total - right, right + extra))
        return y if self.causal else self.conv.norm(y)


class Upsample(nn.Module):
    def __init__(self, causal, cin, cout, stride):
        super().__init__()
        self.causal, self.stride = causal, stride
        conv = nn.ConvTranspose1d(cin, cout, 2 * stride, stride)
        self.convtr = nn.Module()
        self.convtr.convtr = nn.utils.weight_norm(conv) if causal else conv
        if not causal:
            self.convtr.norm = nn.GroupNorm(1, cout)

    def forward(self, x):
        y = self.convtr.convtr(x)
        right = self.stride if self.causal else self.stride // 2
        if not self.causal:
            y = self.convtr.norm(y)
        return y[..., self.stride - right : y.shape[-1] - right]


class Residual(nn.Module):
    def __init__(self, causal, dim):
        super().__init__()
        inner = dim // 2
        self.block = nn.Sequential(
            nn.ELU(), Conv(causal, dim, inner, 3), nn.ELU(), Conv(causal, inner, dim, 1)
        )
        self.shortcut = Conv(causal, dim, dim, 1)

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class Lstm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.lstm = nn.LSTM(dim, dim, 2)

    def forward(self, x):
        x = x.permute(2, 0, 1)
        return (self.lstm(x)[0] + x).permute(1, 2, 0)


def encoder(causal, channels):
    layers, dim = [Conv(causal, channels, 32, 7)], 32
    for stride in reversed(STRIDES):
        down = Conv(causal, dim, 2 * dim, 2 * stride, stride)
        layers += [Residual(causal, dim), nn.ELU(), down]
        dim *= 2
    return nn.Sequential(*layers, Lstm(dim), nn.ELU(), Conv(causal, dim, 128, 7))


def decoder(causal, channels):
    layers, dim = [Conv(causal, 128, 512, 7), Lstm(512)], 512
    for stride in STRIDES:
        layers += [nn.ELU(), Upsample(causal, dim, dim // 2, stride), Residual(causal, dim // 2)]
        dim //= 2
    return nn.Sequential(*layers, nn.ELU(), Conv(causal, dim, channels, 7))


class Encodec(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.causal = name == "encodec_24khz"
        self.channels = 1 if self.causal else 2
        self.rate = 24000 if self.causal else 48000
        self.encoder = encoder(self.causal, self.channels)
        self.decoder = decoder(self.causal, self.channels)
        self.books = [torch.randn(1024, 128) for _ in range(32 if self.causal else 16)]

    def load(self, path):
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        for i in range(len(self.books)):
            self.books[i] = state[f"quantizer.vq.layers.{i}._codebook.embed"]
        own = {
            k.replace(".model.", ".", 1): v
            for k, v in state.items()
            if not k.startswith("quantizer.")
        }
        self.load_state_dict(own)

    def quantize(self, z, count):
        rest, codes = z.transpose(1, 2), []
        for book in self.books[:count]:
            flat = rest.reshape(-1, 128)
            distance = -(flat.pow(2).sum(1, True) - 2 * flat @ book.t() + book.t().pow(2).sum(0, True))
            code = distance.max(dim=-1).indices.view(rest.shape[:-1])
            rest = rest - F.embedding(code, book)
            codes.append(code)
        return torch.stack(codes, 1)

    def encode(self, x, count):
        scale = None
        if not self.causal:
            scale = x.mean(1, keepdim=True).pow(2).mean(2, keepdim=True).sqrt() + 1e-8
            x = x / scale
        return self.quantize(self.encoder(x), count), scale

    def decode(self, codes, scale):
        z = sum(F.embedding(codes[:, k], self.books[k]) for k in range(codes.shape[1]))
        y = self.decoder(z.transpose(1, 2))
        return y if scale is None else y * scale


def median_ms(fn, rounds):
    fn()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        fn()
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)[len(times) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=["time", "serve", "dump"])
    parser.add_argument("model", choices=["encodec_24khz", "encodec_48khz"])
    parser.add_argument("--checkpoint")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--books", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = Encodec(args.model).eval()
    if args.checkpoint:
        model.load(args.checkpoint)
    with torch.no_grad():
        x = torch.randn(1, model.channels, model.rate) * 0.1
        codes, scale = model.encode(x, args.books)
        if args.job == "dump":
            import numpy

            pcm = model.decode(codes, scale).numpy()
            numpy.savez(args.out, x=x.numpy(), codes=codes.numpy(), pcm=pcm)
            print(json.dumps({"out": args.out}))
            return
        if args.job == "serve":
            jobs = {
                "decode": lambda: model.decode(codes, scale),
                "encode": lambda: model.encode(x, args.books),
            }
            for line in sys.stdin:
                start, used = time.perf_counter(), time.process_time()
                jobs[line.strip()]()
                wall, used = time.perf_counter() - start, time.process_time() - used
                print(wall * 1e3, used * 1e3, flush=True)
            return
        decode = median_ms(lambda: model.decode(codes, scale), args.rounds)
        encode = median_ms(lambda: model.encode(x, args.books), args.rounds)
    print(json.dumps({
        "model": args.model, "threads": args.threads, "torch": torch.__version__,
        "decode_ms": decode, "encode_ms": encode,
    }))


if __name__ == "__main__":
    main()
