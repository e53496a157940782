"""EnCodec, DAC and Mimi of Hugging Face's transformers with small random weights: what it makes of some audio.

    python make_transformers.py     # with torch, transformers and safetensors; writes beside itself

Made with transformers 5.24.0 and torch 2.15.0.
"""
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from transformers import DacConfig, DacModel, EncodecConfig, EncodecModel, MimiConfig, MimiModel

FOLDER = Path(__file__).parent
SMALL = dict(num_filters=4, hidden_size=8, codebook_dim=8, codebook_size=32, upsampling_ratios=[4, 2])

# The published configurations but for the sizes, and rates that make four codebooks of 5 bits.
MODELS = {
    "encodec_24khz": dict(SMALL, sampling_rate=800, target_bandwidths=[2.0]),
    "encodec_48khz": dict(
        SMALL, sampling_rate=800, target_bandwidths=[2.0], audio_channels=2, normalize=True,
        norm_type="time_group_norm", use_causal_conv=False, chunk_length_s=1.0, overlap=0.01),
    "encodec_32khz": dict(
        SMALL, sampling_rate=800, target_bandwidths=[2.0], use_causal_conv=False,
        use_conv_shortcut=False),
}


def randomize(model):
    for name, value in model.state_dict().items():
        if name.endswith("inited"):
            continue
        if name.endswith("original0") or name.endswith("norm.weight"):
            value.uniform_(0.7, 1.3)
        elif name.endswith("embed"):
            value.normal_(0, 0.3)
        else:
            value.uniform_(-0.4, 0.4)


@torch.no_grad()
def make(name, options):
    torch.manual_seed(1)
    model = EncodecModel(EncodecConfig(**options)).eval()
    randomize(model)
    audio = torch.rand(1, options.get("audio_channels", 1), 2101) - 0.5
    encoded = model.encode(audio, bandwidth=2.0)
    decoded = model.decode(
        encoded.audio_codes, encoded.audio_scales,
        last_frame_pad_length=getattr(encoded, "last_frame_pad_length", 0)).audio_values
    tensors = {k: v for k, v in model.state_dict().items() if not k.endswith(("embed_avg", "cluster_size"))}
    tensors["golden.audio"] = audio[0]
    tensors["golden.decoded"] = decoded[0]
    tensors["golden.codes"] = encoded.audio_codes.to(torch.int32)
    scales = [s for s in encoded.audio_scales if s is not None]
    if scales:
        tensors["golden.scales"] = torch.stack(scales).reshape(-1)
    print(name, {k: tuple(v.shape) for k, v in tensors.items() if k.startswith("golden")})
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / f"transformers_{name}.safetensors")


for name, options in MODELS.items():
    make(name, options)


@torch.no_grad()
def make_dac():
    torch.manual_seed(1)
    model = DacModel(DacConfig(
        encoder_hidden_size=2, decoder_hidden_size=12, downsampling_ratios=[2, 4],
        upsampling_ratios=[4, 2], n_codebooks=3, codebook_size=32, codebook_dim=4,
        sampling_rate=800, hidden_size=8)).eval()
    for name, value in model.state_dict().items():
        if name.endswith("alpha"):
            value.uniform_(0.5, 1.5)
        elif name.endswith("bias"):
            value.uniform_(-0.05, 0.05)
        elif "quantizer" in name:
            value.normal_(0, 0.5)
        else:
            # A decoder that is much louder saturates in its tanh.
            value.uniform_(-0.5, 0.5).mul_(0.45 if name.startswith("decoder") else 1)
    audio = torch.rand(1, 1, 2104) - 0.5
    encoded = model.encode(audio)
    tensors = dict(model.state_dict())
    tensors["golden.audio"] = audio[0]
    tensors["golden.codes"] = encoded.audio_codes.to(torch.int32)[None]
    tensors["golden.decoded"] = model.decode(audio_codes=encoded.audio_codes).audio_values.reshape(1, -1)
    print("dac", {k: tuple(v.shape) for k, v in tensors.items() if k.startswith("golden")})
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "transformers_dac_44khz.safetensors")


make_dac()


@torch.no_grad()
def make_mimi():
    torch.manual_seed(1)
    model = MimiModel(MimiConfig(
        num_filters=4, hidden_size=16, upsampling_ratios=[4, 2], upsample_groups=16,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=8,
        intermediate_size=24, sliding_window=12, vector_quantization_hidden_dimension=8,
        codebook_dim=8, codebook_size=32, num_quantizers=4, sampling_rate=800)).eval()
    for name, value in model.state_dict().items():
        if name.endswith(("norm.weight", "cluster_usage")):
            value.uniform_(0.7, 1.3)
        elif name.endswith("_scale.scale"):
            value.uniform_(0.3, 0.7)
        elif name.endswith("embed_sum"):
            value.normal_(0, 0.8)
        elif name.endswith("bias"):
            value.uniform_(-0.05, 0.05)
        else:
            value.normal_(0, 1.2 / value[0].numel() ** 0.5)
    audio = 2 * torch.rand(1, 1, 1203) - 1
    codes = model.encode(audio).audio_codes
    # In the names of the published file, which are others than the module's.
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tensors = load_file(f"{folder}/model.safetensors")
    tensors["golden.audio"] = audio[0]
    tensors["golden.codes"] = codes.to(torch.int32)[None]
    tensors["golden.decoded"] = model.decode(codes).audio_values[0]
    tensors["golden.decoded_semantic"] = model.decode(codes[:, :1]).audio_values[0]
    print("mimi", {k: tuple(v.shape) for k, v in tensors.items() if k.startswith("golden")})
    save_file({k: v.contiguous() for k, v in tensors.items()}, FOLDER / "transformers_mimi.safetensors")


make_mimi()
