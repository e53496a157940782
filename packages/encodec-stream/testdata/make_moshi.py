"""Mimi of Kyutai's own package with small random weights: what it makes of some audio.

    python make_moshi.py     # with torch, moshi and safetensors; writes beside itself

Made with moshi 0.2.13 and torch 2.15.0.
"""
from copy import deepcopy
from pathlib import Path

import torch
from moshi.models import loaders
from safetensors.torch import save_file

FOLDER = Path(__file__).parent


def small():
    config = deepcopy(loaders._mimi_config)
    config.update(sample_rate=800, frame_rate=50)
    config["seanet"].update(n_filters=4, dimension=16, ratios=[4, 2])
    config["quantizer"].update(
        dimension=8, n_q=4, bins=32, input_dimension=16, output_dimension=16)
    config["transformer"].update(
        d_model=16, num_heads=2, num_layers=2, context=12, dim_feedforward=24, input_dimension=16,
        output_dimensions=[16])
    return config


def randomize(model):
    for name, value in model.state_dict().items():
        if name.endswith("_initialized"):
            value.fill_(1)
        elif name.endswith(("norm1.weight", "norm2.weight", "cluster_usage")):
            value.uniform_(0.7, 1.3)
        elif ".layer_scale_" in name:
            value.uniform_(0.3, 0.7)
        elif name.endswith("embedding_sum"):
            value.normal_(0, 0.8)
        elif name.endswith("bias"):
            value.uniform_(-0.05, 0.05)
        else:
            value.normal_(0, 1.2 / value[0].numel() ** 0.5)


@torch.no_grad()
def make():
    torch.manual_seed(3)
    model = loaders.get_mimi(None, small(), num_codebooks=4)
    randomize(model)
    audio = 2 * torch.rand(1, 1, 1200) - 1
    codes = model.encode(audio)
    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    tensors["golden.audio"] = audio[0]
    tensors["golden.codes"] = codes.to(torch.int32)[None]
    tensors["golden.decoded"] = model.decode(codes)[0]
    print({k: tuple(v.shape) for k, v in tensors.items() if k.startswith("golden")})
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "moshi_mimi.safetensors")


make()
