"""Clips for training and evaluation: real media given by folder, and procedurally made scenes.

A clip is a uint8 array [T, H, W, 3] whose shorter side is the target size, resized as video-vq
resizes (bilinear, half-pixel centres, no antialiasing).
"""
import json
import os
import subprocess

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

# Sources with a clear licence, as lists of the files cut from one film or camera. Every third
# source in alphabetical order is kept out of training.
SOURCES = {
    "asl_walk": ["asl_walk_fullrange.mkv"],
    "bear": ["bear_vp9.webm"],
    "big_buck_bunny": [
        "bbb_1keyframe_noB.mp4", "bbb_h264_3b_nonref.mp4", "rotate_bbb_1080p.mp4", "bbb_vp8_24f.webm",
    ],
    "bikes": ["bikes_highmotion.mp4"],
    "bottle": ["bottle_static_40s.mp4"],
    "car": ["car_static_cam_h264baseline_12fps.mp4"],
    "carphone": ["carphone_pristine_qcif.mp4"],
    "fades": ["fades_mpeg4.mp4"],
    "fire": ["fire2_rot180.mp4"],
    "long_av1": ["long_av1_180p_21766frames.mp4"],
    "nasa": ["nasa_13013_multistream_h264.mp4"],
    "pancake": ["pancake_h264.mkv"],
    "phone_hevc": ["phone_hevc_motionphoto_rot.mp4"],
    "roadtrip": ["roadtrip_vp9_10bit.webm"],
    "sef_slowmo": ["sef_slowmo_160x120.mp4"],
    "vidtok": ["vidtok_example_256.mp4"],
    "webcam": ["webcam_2byteNAL.mp4"],
}


def split(sources=SOURCES):
    names = sorted(sources)
    held_out = set(names[1::3])
    return [n for n in names if n not in held_out], sorted(held_out)


def probe(path):
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
         "stream=width,height:stream_side_data=rotation:stream_tags=rotate", "-of", "json", path],
        capture_output=True, check=True)
    stream = json.loads(out.stdout)["streams"][0]
    rotation = next((int(d["rotation"]) for d in stream.get("side_data_list", []) if "rotation" in d), 0)
    width, height = stream["width"], stream["height"]
    return (height, width) if rotation % 180 else (width, height)


def read_clip(path, short_side, every=1, most=400):
    """Frames of a file as uint8 [T, H, W, 3]."""
    width, height = probe(path)
    scale = short_side / min(width, height)
    size = (round(height * scale), round(width * scale))
    process = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-i", path, "-map", "0:v:0", "-vf", f"select=not(mod(n\\,{every}))",
         "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], stdout=subprocess.PIPE)
    frames = []
    while len(frames) < most:
        raw = process.stdout.read(width * height * 3)
        if len(raw) < width * height * 3:
            break
        x = torch.from_numpy(np.frombuffer(raw, np.uint8).reshape(1, height, width, 3).copy())
        y = F.interpolate(x.permute(0, 3, 1, 2).float(), size, mode="bilinear", align_corners=False)
        frames.append(y.round().clamp(0, 255).byte().permute(0, 2, 3, 1)[0].numpy())
    process.kill()
    process.wait()
    return np.stack(frames)


def smooth_noise(rng, height, width, octaves):
    image = np.zeros((height, width, 3), np.float32)
    for octave in range(octaves):
        cells = 2 ** (octave + 1)
        grid = torch.from_numpy(rng.standard_normal((1, 3, cells + 1, cells + 1)).astype(np.float32))
        layer = F.interpolate(grid, (height, width), mode="bicubic", align_corners=True)[0]
        image += layer.permute(1, 2, 0).numpy() * rng.uniform(0.4, 0.8) ** octave
    image -= image.min()
    return image / max(image.max(), 1e-6)


def procedural_clip(rng, size=128, frames=17):
    """Textured shapes that move over a textured background that moves, with noise and a flicker."""
    pad = 64
    background = smooth_noise(rng, size + 2 * pad, size + 2 * pad, rng.integers(2, 8))
    yy, xx = np.mgrid[0:size, 0:size].astype(np.float32)
    shapes = []
    for _ in range(rng.integers(1, 6)):
        shapes.append(dict(
            centre=rng.uniform(0, size, 2), speed=rng.normal(0, 1.5, 2), radius=rng.uniform(6, 40, 2),
            angle=rng.uniform(0, np.pi), spin=rng.normal(0, 0.03), colour=rng.uniform(0, 1, 3),
            box=rng.random() < 0.5, stripes=rng.uniform(0, 0.8), period=rng.uniform(3, 16)))
    drift = rng.normal(0, 1, 2) * (rng.random() < 0.6)
    out = np.empty((frames, size, size, 3), np.uint8)
    for t in range(frames):
        oy, ox = np.clip(np.round(pad + drift * t), 0, 2 * pad).astype(int)
        image = background[oy:oy + size, ox:ox + size].copy()
        for s in shapes:
            cy, cx = s["centre"] + s["speed"] * t
            a = s["angle"] + s["spin"] * t
            u = ((xx - cx) * np.cos(a) + (yy - cy) * np.sin(a)) / s["radius"][0]
            v = (-(xx - cx) * np.sin(a) + (yy - cy) * np.cos(a)) / s["radius"][1]
            distance = np.maximum(abs(u), abs(v)) if s["box"] else np.sqrt(u * u + v * v)
            mask = np.clip((1 - distance) * min(s["radius"]), 0, 1)[..., None]
            texture = s["colour"] * (1 - s["stripes"] * (np.sin(u * s["radius"][0] / s["period"] * 6.28) > 0))[..., None]
            image = image * (1 - mask) + texture * mask
        image += rng.normal(0, rng.uniform(0, 0.015), image.shape)
        out[t] = np.clip(image * 255, 0, 255)
    return out


def colour(rng):
    """Pure red, green, blue and their mixtures, black and white among them; or any colour."""
    if rng.random() < 0.6:
        return tuple(int(v) for v in rng.choice([0, 255], 3))
    return tuple(int(v) for v in rng.integers(0, 256, 3))


def lines_of_text(rng, draw, box):
    size = int(rng.integers(7, 22))
    font, ink = ImageFont.load_default(size), colour(rng)
    for y in range(box[1] + 2, box[3] - size, size + int(rng.integers(1, 5))):
        letters = rng.integers(33, 127, int(rng.integers(3, 40)))
        draw.text((box[0] + 2, y), "".join(map(chr, letters)), fill=ink, font=font)


def screen_clip(rng, size=128, frames=17):
    """What a screen shows: flat colours, boxes, text; it scrolls, something moves, or it becomes another."""
    def page():
        image = Image.new("RGB", (size, 2 * size), colour(rng))
        draw = ImageDraw.Draw(image)
        for _ in range(rng.integers(1, 9) if rng.random() < 0.7 else 0):
            left, top = (int(v) for v in rng.integers(0, (size, 2 * size)))
            box = (left, top, left + int(rng.integers(6, size)), top + int(rng.integers(6, size)))
            draw.rectangle(box, fill=colour(rng))
            if rng.random() < 0.6:
                lines_of_text(rng, draw, box)
        return np.asarray(image)

    pages, change = [page(), page()], int(rng.integers(1, frames)) if rng.random() < 0.3 else frames
    scroll = int(rng.integers(1, 5)) if rng.random() < 0.3 else 0
    mark, step, ink = rng.uniform(0, size, 2), rng.normal(0, 3, 2) * (rng.random() < 0.4), colour(rng)
    out = np.empty((frames, size, size, 3), np.uint8)
    for t in range(frames):
        out[t] = pages[t >= change][scroll * t:scroll * t + size]
        if step.any():
            y, x = (int(v) for v in np.clip(mark + step * t, 0, size - 12))
            out[t, y:y + 12, x:x + 8] = ink
    return out


def training_clips(folder, procedural, seed, kept=None):
    """Weighted clips; read once and kept in the file `kept` for the next start."""
    if kept and os.path.exists(kept):
        with np.load(kept) as archive:
            return list(zip(archive["weights"], [archive[f"clip{i}"] for i in range(len(archive["weights"]))]))
    names, _ = split()
    clips = []
    for name in names:
        for file in SOURCES[name]:
            path = f"{folder}/{file}"
            width, height = probe(path)
            every = 40 if name == "long_av1" else 4 if name == "bottle" else 1
            for side in (128, 176, 240):
                if side <= min(width, height) * 1.15:
                    clip = read_clip(path, side, every, 320)
                    if len(clip) >= 17:
                        clips.append((1.0, clip))
    rng = np.random.default_rng(seed)
    for _ in range(procedural):
        clips.append((0.02, procedural_clip(rng)))
    for _ in range(2 * procedural):
        clips.append((0.02, screen_clip(rng)))
    if kept:
        np.savez(kept, weights=[w for w, _ in clips], **{f"clip{i}": c for i, (_, c) in enumerate(clips)})
    return clips


class Crops:
    """Endless seeded batches of uint8 crops [B, 17, S, S, 3]."""

    def __init__(self, clips, crop, seed):
        self.clips = [c for _, c in clips]
        weights = np.array([w * min(len(c), 170) ** 0.5 for w, c in clips])
        self.p = weights / weights.sum()
        self.crop = crop
        self.rng = np.random.default_rng(seed)

    def batch(self, count):
        rng, crop, out = self.rng, self.crop, []
        for k in rng.choice(len(self.clips), count, p=self.p):
            clip = self.clips[k]
            stride = int(rng.choice([1, 1, 1, 2])) if len(clip) >= 34 else 1
            t = rng.integers(0, len(clip) - 16 * stride)
            y = rng.integers(0, clip.shape[1] - crop + 1)
            x = rng.integers(0, clip.shape[2] - crop + 1)
            piece = clip[t:t + 16 * stride + 1:stride, y:y + crop, x:x + crop]
            if rng.random() < 0.5:
                piece = piece[:, :, ::-1]
            if rng.random() < 0.25:
                piece = piece.transpose(0, 2, 1, 3)
            if rng.random() < 0.25:
                piece = piece[::-1]
            if rng.random() < 0.3:
                piece = np.clip(piece * rng.uniform(0.7, 1.2) + rng.uniform(-20, 20), 0, 255).astype(np.uint8)
            if rng.random() < 0.25:
                grey = piece.mean(-1, keepdims=True)
                piece = np.clip(grey + (piece - grey) * rng.uniform(0, 2), 0, 255).astype(np.uint8)
            out.append(piece)
        return torch.from_numpy(np.ascontiguousarray(np.stack(out)))
