"""One frame through open_clip in PyTorch eager, as JSON: least CPU and wall time of each stage.

Takes a JPEG's path, a number of threads, and sizes of batches to encode besides. Random weights of
full size; speed does not depend on them.
"""

import io
import json
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[2]))

import open_clip  # noqa: E402
from PIL import Image  # noqa: E402

model, _, preprocess = open_clip.create_model_and_transforms("ViT-B-32-quickgelu", pretrained=None)
model.eval()
data = open(sys.argv[1], "rb").read()
least = {}


def measured(name, action):
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    spent = {"cpu_ms": (time.process_time() - cpu) * 1e3, "wall_ms": (time.perf_counter() - wall) * 1e3}
    before = least.setdefault(name, spent)
    least[name] = {kind: min(before[kind], spent[kind]) for kind in spent}
    return result


def frame():
    image = measured("decode", lambda: Image.open(io.BytesIO(data)).convert("RGB"))
    pixels = measured("preprocess", lambda: preprocess(image).unsqueeze(0))
    features = measured("encode", lambda: model.encode_image(pixels))
    return features / features.norm(dim=-1, keepdim=True)


with torch.no_grad():
    for _ in range(3):
        frame()
    least.clear()
    for _ in range(20):
        measured("frame", frame)
    for size in map(int, sys.argv[3:]):
        batch = torch.zeros(size, 3, 224, 224)
        for _ in range(8):
            measured(f"batch_{size}", lambda: model.encode_image(batch))

print(json.dumps({"open_clip": open_clip.__version__, "torch": torch.__version__, **least}))
