"""Makes windows as the seed's encode_only script writes them, with PyTorch's own torch.save."""
import sys

import torch

folder = sys.argv[1]
torch.manual_seed(1)
quant = torch.where(torch.rand(1, 18, 5, 2, 2) < 0.5, -1.0, 1.0)
bits = (quant[0] > 0).to(torch.int64)
indices = (bits << torch.arange(18).reshape(18, 1, 1, 1)).sum(0)
for number, window in enumerate([
    quant,
    {"quant": quant.half()},
    {"indices": indices},
    indices.unsqueeze(0),
    {"indices": indices.to(torch.int32), "fps": 24.0},
]):
    torch.save(window, f"{folder}/window_{number:03}.pt")
