"""Makes a checkpoint of reduced size, and what VidTok's own classes make of clips with it.

python make_vidtok.py CHECKOUT FOLDER, with a checkout of microsoft/VidTok and the packages torch,
einops, beartype, lightning, rich and safetensors. Weights are multiples of 1/64, so that
the checkpoint packs well.
"""
import gzip
import io
import sys

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
from safetensors.numpy import save_file
from vidtok.modules.model_3dcausal import DecoderCausal3DPadding, EncoderCausal3DPadding
from vidtok.modules.regularizers import FSQRegularizer

SIZES = dict(
    double_z=False, z_channels=6, in_channels=3, out_ch=3, ch=8, ch_mult=[1, 2, 2, 2],
    time_downsample_factor=4, num_res_blocks=1, dropout=0.0, use_checkpoint=False,
    init_pad_mode="replicate", norm_type="layernorm",
)
folder = sys.argv[2]
torch.manual_seed(1)
torch.set_grad_enabled(False)
encoder, decoder = EncoderCausal3DPadding(**SIZES).eval(), DecoderCausal3DPadding(**SIZES).eval()
quantizer = FSQRegularizer(levels=[8] * 6)
weights = {}
for half, network in {"encoder": encoder, "decoder": decoder}.items():
    for name, value in network.named_parameters():
        if name.endswith("mix_factor"):
            value.copy_(torch.randint(-64, 192, value.shape) / 64)
        elif "norm" in name:
            value.copy_((torch.rand_like(value) - 0.5).mul(32).round() / 64 + name.endswith("weight"))
        else:
            reach = (3 / value[0].numel()) ** 0.5 if value.dim() > 1 else 0.1
            value.copy_((torch.rand_like(value) * 2 - 1).mul(reach * 64).round() / 64)
        weights[f"{half}.{name}"] = value.detach().clone()
scale = 3  # so that values reach all eight steps
weights["encoder.conv_out.conv.weight"] *= scale
encoder.conv_out.conv.weight.mul_(scale)

packed = io.BytesIO()
torch.save({"state_dict": weights, "global_step": 1000, "epoch": 3}, packed)
with open(f"{folder}/vidtok.ckpt.gz", "wb") as out:
    out.write(gzip.compress(packed.getvalue(), 9, mtime=0))

for frames, height, width in [(17, 24, 16), (5, 16, 40), (1, 8, 8)]:
    t, y, x, c = np.meshgrid(*map(np.arange, (frames, height, width, 3)), indexing="ij")
    pixels = 127.5 + 90 * np.sin(x / 3 + t / 5 + c) * np.cos(y / 4 - t / 7) + 30 * ((x + y + t) % 3 - 1)
    pixels = pixels.clip(0, 255).astype(np.uint8)
    clip = torch.from_numpy(pixels).permute(3, 0, 1, 2)[None].float() / 255 * 2 - 1
    z = encoder(clip)
    quant, log = quantizer(z)
    indices = log["indices"][0].to(torch.int32)
    rebuilt = decoder(quant)
    reach = torch.tensor(7 * 1.001 / 2)
    steps = (z + torch.atanh(0.5 / reach)).tanh() * reach - 0.5
    nearest = float((steps - steps.floor() - 0.5).abs().min())
    used = [np.unique(indices >> 3 * i & 7).size for i in range(6)]
    print(f"{frames}x{height}x{width}: steps used {used}, nearest to between two {nearest:.4f}")
    save_file({
        "frames": pixels,
        "indices": indices.numpy(),
        "reconstruction": rebuilt[0].contiguous().numpy(),
    }, f"{folder}/vidtok.{frames}x{height}x{width}.safetensors")
