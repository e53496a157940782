"""Makes the checkpoint fixtures with PyTorch: every way of writing a file that we can provoke."""
import argparse
import os
from collections import OrderedDict

import torch

here = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(here, name)


ramp = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 8


def tree():
    shared = torch.arange(10, dtype=torch.int64)
    return OrderedDict(
        weight=ramp.clone(),
        transposed=ramp.clone().permute(2, 0, 1),
        half=ramp.to(torch.float16),
        brain=ramp.to(torch.bfloat16),
        head=shared[:4],
        tail=shared[6:],
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 5),
        flags=torch.tensor([True, False]),
        parameter=torch.nn.Parameter(torch.ones(2)),
        unsigned=torch.arange(3).to(torch.uint16),
        float8=torch.tensor([0.5, -1.0]).to(torch.float8_e4m3fn),
    )


torch.save(tree(), path("torch_zip.pt"))
torch.save(tree(), path("torch_protocol4.pt"), pickle_protocol=4)
legacy = tree()
torch.save(legacy, path("torch_legacy.pt"), _use_new_zipfile_serialization=False)
torch.serialization.set_crc32_options(False)
torch.save(tree(), path("torch_no_crc.pt"))
torch.serialization.set_crc32_options(True)
torch.save(
    {
        "epoch": 3,
        "hyper_parameters": argparse.Namespace(lr=0.5, ch_mult=[1, 2, 4]),
        "state_dict": {
            "module.encoder.weight": torch.full((2,), 1.0),
            "module.model_ema.encoderweight": torch.full((2,), 2.0),
        },
    },
    path("lightning.ckpt"),
)


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(ramp[0].clone())

    def forward(self, x: torch.Tensor):
        return x @ self.weight


class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(Inner(), Inner())
        self.size = 7
        self.sizes = [1, 2]
        self.register_buffer("steps", torch.tensor([1, 2], dtype=torch.int32))

    def forward(self, x: torch.Tensor):
        return self.layers(x) * self.size


torch.jit.script(Outer()).save(path("torchscript.pt"))
