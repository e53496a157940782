"""What PyTorch, transformers and SentencePiece make of a small DINOv2 and a small SigLIP, whose weights
come from a formula and whose files have the names of the published ones.

Writes eyes.json (names and shapes of the tensors, embeddings, tokens, hashes of prepared pixels) and
tokenizer.json, the vocabulary of the small SigLIP. Needs torch, transformers, sentencepiece and pillow:
`python eyes.py`
"""

import hashlib
import json
import math
import pathlib
import tempfile

import numpy as np
import sentencepiece
import torch
from safetensors.torch import load_file, save_file
from transformers import Dinov2Config, Dinov2Model, SiglipConfig, SiglipModel
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip.tokenization_siglip import SiglipTokenizer

torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
SIZES = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=1)
TEXTS = ["a truck at the dock", "An EMPTY dock!", "two  cats, (one dog)", "ça xyzzy 12", "!!!"]
TEXTS += ["the dog is at the dock " * 5]
CORPUS = ["a truck at the dock", "an empty dock", "two cats and one dog", "the dog is at the door"]
CORPUS += ["a cat at an empty door", "one truck and two dogs", "the cats are in the truck"]


def values(name, shape):
    """The same numbers as `valuesOf` of testing/formula_weights.ts makes."""
    phase = sum(map(ord, name))
    x = torch.arange(math.prod(shape), dtype=torch.float64)
    v = torch.frac(torch.abs(torch.sin((x + 1) * 12.9898 + phase) * 43758.5453)) - 0.5
    if name.endswith("gamma") or name.endswith("lambda1"):
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


def picture(width, height):
    """The same bytes as the test makes."""
    x, y, c = np.meshgrid(np.arange(width), np.arange(height), np.arange(3), indexing="xy")
    return ((x * 3 + y * 5 + c * 60 + ((x * y) >> 5)) & 255).astype(np.uint8)


def refilled(model):
    """The model with the formula's weights, by way of a file with the published names."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        path = f"{folder}/model.safetensors"
        tensors = {k: values(k, v.shape) for k, v in load_file(path).items()}
        save_file(tensors, path, metadata={"format": "pt"})
        return type(model).from_pretrained(folder).eval(), {k: list(v.shape) for k, v in tensors.items()}


def prepared(processor, sizes):
    """Floats as the model takes them, and a hash of the bytes before they were normalised."""
    images = [picture(*size) for size in sizes]
    raw = processor(images, do_rescale=False, do_normalize=False, return_tensors="np").pixel_values
    bytes_ = raw.transpose(0, 2, 3, 1).astype(np.uint8)
    hashes = [hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest() for image in bytes_]
    return processor(images, return_tensors="pt").pixel_values, hashes


PICTURES = [[320, 240], [241, 377], [60, 45]]


def dinov2():
    config = Dinov2Config(**SIZES, mlp_ratio=4, patch_size=14, image_size=70)
    model, shapes = refilled(Dinov2Model(config))
    # As facebook/dinov2-small's preprocessor_config.json says.
    processor = BitImageProcessorPil(
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )
    pixels, hashes = prepared(processor, PICTURES)
    embeddings = model(pixel_values=pixels).pooler_output
    return {"shapes": shapes, "pixels": hashes, "embeddings": embeddings.tolist()}


def vocabulary(folder):
    """A SentencePiece model as SigLIP's: <pad>, </s>, <unk>, no text before the first word."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 20),
        model_prefix=f"{folder}/spiece",
        model_type="unigram",
        vocab_size=60,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        add_dummy_prefix=False,
        hard_vocab_limit=False,
    )
    model = sentencepiece.SentencePieceProcessor(f"{folder}/spiece.model")
    pieces = [[model.id_to_piece(i), model.get_score(i)] for i in range(model.get_piece_size())]
    return SiglipTokenizer(f"{folder}/spiece.model", model_max_length=16), pieces


def siglip():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, pieces = vocabulary(folder)
        tokens = tokenizer(TEXTS, padding="max_length", truncation=True, return_tensors="pt").input_ids
    model_json = {"type": "Unigram", "unk_id": 2, "vocab": pieces, "byte_fallback": False}
    (HERE / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model_json}) + "\n")
    tower = dict(**SIZES, intermediate_size=256)
    config = SiglipConfig(
        text_config=dict(
            **tower, vocab_size=len(pieces), max_position_embeddings=16, eos_token_id=1, bos_token_id=1
        ),
        vision_config=dict(**tower, image_size=48, patch_size=16),
    )
    model, shapes = refilled(SiglipModel(config))
    # As google/siglip-base-patch16-224's preprocessor_config.json says, of another size.
    processor = SiglipImageProcessorPil(size={"height": 48, "width": 48})
    pixels, hashes = prepared(processor, PICTURES)
    out = model(input_ids=tokens, pixel_values=pixels)
    return {
        "shapes": shapes,
        "pixels": hashes,
        "texts": TEXTS,
        "tokens": tokens.tolist(),
        "embeddings": model.vision_model(pixel_values=pixels).pooler_output.tolist(),
        "textEmbeddings": model.text_model(input_ids=tokens).pooler_output.tolist(),
        "probabilities": torch.sigmoid(out.logits_per_image).tolist(),
    }


def rounded(x):
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    if isinstance(x, list):
        return [rounded(v) for v in x]
    return round(x, 6) if isinstance(x, float) else x


with torch.no_grad():
    report = {"pictures": PICTURES, "dinov2": dinov2(), "siglip": siglip()}
(HERE / "eyes.json").write_text(json.dumps(rounded(report)) + "\n")
