"""DAC of Descript's own package with small random weights: what it makes of some audio.

    python make_descript.py     # with torch, descript-audio-codec and safetensors; writes beside itself

Made with descript-audio-codec 1.0.0 and torch 2.15.0.
"""
from pathlib import Path

import torch
from dac import DAC
from safetensors.torch import save_file

FOLDER = Path(__file__).parent


@torch.no_grad()
def make():
    torch.manual_seed(2)
    model = DAC(
        encoder_dim=2, encoder_rates=[2, 4], latent_dim=8, decoder_dim=12, decoder_rates=[4, 2],
        n_codebooks=3, codebook_size=32, codebook_dim=4, sample_rate=800).eval()
    for name, value in model.state_dict().items():
        if name.endswith("alpha"):
            value.uniform_(0.5, 1.5)
        elif name.endswith("weight_g"):
            # A decoder that is much louder saturates in its tanh.
            value.uniform_(0.4, 0.8) if name.startswith("decoder") else value.uniform_(0.8, 1.6)
        elif name.endswith("bias"):
            value.uniform_(-0.05, 0.05)
        else:
            value.normal_(0, 0.5)
    audio = 2 * torch.rand(1, 1, 2101) - 1
    z, codes, *_ = model.encode(model.preprocess(audio, 800))
    tensors = dict(model.state_dict())
    tensors["golden.audio"] = audio[0]
    tensors["golden.codes"] = codes.to(torch.int32)[None]
    tensors["golden.decoded"] = model.decode(z)[0]
    print({k: tuple(v.shape) for k, v in tensors.items() if k.startswith("golden")})
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "descript_dac_44khz.safetensors")


make()
