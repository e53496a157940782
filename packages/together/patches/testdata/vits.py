"""Embeddings of patches by PyTorch and transformers, of two small ViTs whose weights come from a formula.

Writes vits.json: names and shapes of the tensors, and what comes of all patches, of some, and of a
picture that is no square. `python vits.py`
"""

import json
import math
import pathlib

import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
)

torch.set_num_threads(1)
SIZES = dict(hidden_size=128, num_hidden_layers=3, num_attention_heads=2, patch_size=7, image_size=28)
KEPT = [9, 2, 15, 4, 7]


def values(name, shape):
    """The same numbers as `valuesOf` of the test makes."""
    phase = sum(map(ord, name))
    x = torch.arange(math.prod(shape), dtype=torch.float64)
    v = torch.frac(torch.abs(torch.sin((x + 1) * 12.9898 + phase) * 43758.5453)) - 0.5
    if name.endswith("gamma"):
        v = v + 1
    elif len(shape) == 1 and name.endswith("weight"):
        v = 1 + 0.4 * v
    elif len(shape) == 1:
        v = 0.2 * v
    elif "pos" in name or "class" in name or "cls" in name:
        v = 2 * v
    else:
        v = 4 * v / math.sqrt(math.prod(shape[1:]))
    return v.float().reshape(shape)


def picture(height, width):
    return values("picture", (1, 3, height, width)) * 40


def outcomes(embed):
    whole, wide = picture(28, 28), picture(21, 56)
    return {
        "whole": embed(whole, None),
        "kept": embed(whole, KEPT),
        "wide": embed(wide, None),
        "wide_kept": embed(wide, KEPT),
    }


def clip():
    config = CLIPVisionConfig(**SIZES, intermediate_size=512, projection_dim=64, hidden_act="quick_gelu")
    model = CLIPVisionModelWithProjection(config).eval()
    state = {k: values(k, v.shape) for k, v in model.state_dict().items() if v.is_floating_point()}
    model.load_state_dict(state, strict=False)
    vision = model.vision_model

    def embed(pixels, kept):
        x = vision.embeddings(pixels, interpolate_pos_encoding=True)
        if kept is None:
            own = model(pixel_values=pixels, interpolate_pos_encoding=True).image_embeds
        else:
            x = x[:, [0] + [k + 1 for k in kept]]
        x = vision.encoder(inputs_embeds=vision.pre_layrnorm(x)).last_hidden_state
        out = model.visual_projection(vision.post_layernorm(x[:, 0]))
        if kept is None:
            assert torch.allclose(out, own, atol=1e-6)
        return out[0].tolist()

    return {"shapes": {k: list(v.shape) for k, v in state.items()}, **outcomes(embed)}


def dinov2():
    model = Dinov2Model(Dinov2Config(**SIZES, mlp_ratio=4)).eval()
    width, layers, patch = 128, 3, 7
    shapes = {"cls_token": [1, 1, width], "pos_embed": [1, 17, width]}
    shapes |= {"patch_embed.proj.weight": [width, 3, patch, patch], "patch_embed.proj.bias": [width]}
    for i in range(layers):
        block = {"norm1": [width], "attn.qkv": [3 * width, width], "attn.proj": [width, width]}
        block |= {"norm2": [width], "mlp.fc1": [4 * width, width], "mlp.fc2": [width, 4 * width]}
        for name, shape in block.items():
            shapes[f"blocks.{i}.{name}.weight"] = shape
            shapes[f"blocks.{i}.{name}.bias"] = shape[:1]
        shapes |= {f"blocks.{i}.ls1.gamma": [width], f"blocks.{i}.ls2.gamma": [width]}
    shapes |= {"norm.weight": [width], "norm.bias": [width]}
    own = {k: values(k, v) for k, v in shapes.items()}
    state = {
        "embeddings.cls_token": own["cls_token"],
        "embeddings.position_embeddings": own["pos_embed"],
        "embeddings.patch_embeddings.projection.weight": own["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": own["patch_embed.proj.bias"],
        "layernorm.weight": own["norm.weight"],
        "layernorm.bias": own["norm.bias"],
    }
    names = {"norm1": "norm1", "attn.proj": "attention.o_proj", "norm2": "norm2"}
    names |= {"mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    for i in range(layers):
        for kind in ("weight", "bias"):
            for ours, theirs in names.items():
                state[f"encoder.layer.{i}.{theirs}.{kind}"] = own[f"blocks.{i}.{ours}.{kind}"]
            parts = own[f"blocks.{i}.attn.qkv.{kind}"].chunk(3)
            for part, name in zip(parts, ("q_proj", "k_proj", "v_proj")):
                state[f"encoder.layer.{i}.attention.{name}.{kind}"] = part
        for n in (1, 2):
            state[f"encoder.layer.{i}.layer_scale{n}.lambda1"] = own[f"blocks.{i}.ls{n}.gamma"]
    missing = model.load_state_dict(state, strict=False)
    assert [k for k in missing.missing_keys if "mask_token" not in k] == [], missing
    assert missing.unexpected_keys == [], missing

    def embed(pixels, kept):
        x = model.embeddings(pixels)
        if kept is not None:
            x = x[:, [0] + [k + 1 for k in kept]]
        out = model.layernorm(model.encoder(x).last_hidden_state)[:, 0]
        if kept is None:
            assert torch.allclose(out, model(pixel_values=pixels).pooler_output, atol=1e-6)
        return out[0].tolist()

    return {"shapes": shapes, **outcomes(embed)}


with torch.no_grad():
    report = {"kept": KEPT, "clip": clip(), "dinov2": dinov2()}


def rounded(x):
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return [round(v, 7) if isinstance(v, float) else v for v in x]


(pathlib.Path(__file__).parent / "vits.json").write_text(json.dumps(rounded(report)) + "\n")
