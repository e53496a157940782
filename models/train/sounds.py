"""Sounds for training and evaluation: recordings given by folder, speech by espeak-ng, and music
and noise made here.

Everything is float32 mono at 24 kHz in [-1, 1].
"""
import glob
import os
import subprocess

import numpy as np

RATE = 24000

# Recordings with a clear licence. Whole speakers and pieces are kept out of training.
SPEAKERS = ["librispeech_test-other/*/*.flac", "librispeech_train-clean-100/*.flac"]
KEPT_SPEAKERS = ["533", "3080"]
RECORDINGS = ["libritts_8455_24k.wav"]
MUSIC = ["encodec_test_24k.wav", "encodec_test_48k.wav"]
HELD_OUT_SPEECH = {
    "LJ Speech": "lj_LJ049-0110_24k.wav",
    "JFK, 1961": "jfk_44k_stereo.flac",
    "LibriSpeech 533": "librispeech_test-other/533/533-1066-0001.flac",
    "LibriSpeech 3080": "librispeech_test-other/3080/3080-5032-0001.flac",
}
HELD_OUT_SPEECH |= {
    f"LibriSpeech {speaker}, {n}": f"librispeech_test-other/{speaker}/{speaker}-{chapter}-000{n}.flac"
    for speaker, chapter, numbers in (("533", "1066", (3, 5)), ("3080", "5032", (4, 7))) for n in numbers
}
HELD_OUT_MUSIC = {"Westside": "westside_48k_stereo_4s.wav"}

SUBJECTS = (
    "the engineer|a small boat|her brother|the old clock|every passenger|nobody|the river|a quiet voice|"
    "my neighbour|the orchestra|this machine|some children"
).split("|")
VERBS = (
    "watched|carried|remembered|crossed|described|opened|followed|measured|questioned|repaired|answered|painted"
).split("|")
OBJECTS = (
    "the northern bridge|seven yellow boxes|an unusual message|the weather report|a jar of honey|"
    "the longest journey|their first experiment|a thousand photographs|the kitchen window|zinc and copper|"
    "fresh vegetables|the judge's charge"
).split("|")
ENDINGS = (
    "before sunrise|with great care|in January|for the third time|without a word|just outside the village|"
    "while it rained|at half past eight|as quickly as possible|through the fog|in twenty twenty six|again"
).split("|")
VOICES = [
    "en-us", "en-gb", "en-gb-scotland", "en-us+f2", "en-us+f4", "en-gb+f3", "en-us+m3", "en-us+m7", "en-gb+m5",
    "de", "fr", "es", "it", "pl+f2", "pt", "nl+f3", "sv", "en-us+croak", "en-us+whisper",
]
HELD_OUT_VOICES = ["en-us+f5", "en-us+m1", "en-gb-x-rp", "en-029", "ro", "da", "hu"]


def sentence(rng):
    return " ".join(words[rng.integers(len(words))] for words in (SUBJECTS, VERBS, OBJECTS, ENDINGS)) + "."


def decode(arguments, stdin=None, filters=None):
    """What ffmpeg reads, as samples."""
    filtered = ["-af", filters] if filters else []
    out = subprocess.run(
        ["ffmpeg", "-v", "error", *arguments, *filtered, "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"],
        input=stdin, capture_output=True, check=True)
    return np.frombuffer(out.stdout, np.float32).copy()


def speech(rng, voices=VOICES):
    """Three sentences by espeak-ng."""
    text = " ".join(sentence(rng) for _ in range(3))
    wav = subprocess.run(
        ["espeak-ng", "-v", voices[rng.integers(len(voices))], "-s", str(rng.integers(120, 220)),
         "-p", str(rng.integers(20, 80)), "--stdout", text], capture_output=True, check=True).stdout
    return decode(["-i", "-"], wav)


def room(rng, x):
    """A little reverberation, so that dry synthetic speech is not all there is."""
    length = int(RATE * rng.uniform(0.05, 0.3))
    tail = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
    tail[0] = rng.uniform(8, 30)
    size = 1 << (len(x) + length).bit_length()
    y = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)[: len(x)]
    return (y / max(np.abs(y).max(), 1e-6) * np.abs(x).max()).astype(np.float32)


def note(rng, frequency, seconds):
    t = np.arange(int(seconds * RATE)) / RATE
    bright = rng.uniform(0.4, 2.0)
    wave = sum(
        np.sin(2 * np.pi * frequency * k * t * (1 + 0.0005 * rng.standard_normal())) / k ** bright
        for k in range(1, 16) if frequency * k < RATE / 2)
    attack = np.minimum(1, t / rng.uniform(0.002, 0.05))
    return wave * attack * np.exp(-t / rng.uniform(0.1, 1.5))


def music(rng, seconds=8):
    """Decaying notes of a scale and short bursts of noise on a beat."""
    out = np.zeros(seconds * RATE)
    steps = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21, 23, 24])
    scale = 110 * 2 ** (steps / 12) * 2 ** rng.uniform(-0.5, 1)
    for start in np.arange(0, seconds - 1, rng.uniform(0.12, 0.5)):
        at = int(start * RATE)
        for _ in range(rng.integers(0, 4)):
            tone = note(rng, scale[rng.integers(len(scale))], rng.uniform(0.2, 1.0))[: len(out) - at]
            out[at:at + len(tone)] += tone
        if rng.random() < 0.5:
            length = min(2400, len(out) - at)
            out[at:at + length] += rng.standard_normal(length) * np.exp(-np.arange(length) / rng.uniform(100, 600))
    return (out / max(np.abs(out).max(), 1e-6) * 0.7).astype(np.float32)


def noise(rng, seconds=4):
    """Noise whose spectrum falls with frequency."""
    spectrum = np.fft.rfft(rng.standard_normal(seconds * RATE))
    spectrum *= (np.arange(len(spectrum)) + 20.0) ** -rng.uniform(0, 1.2)
    out = np.fft.irfft(spectrum)
    return (out / np.abs(out).max() * rng.uniform(0.1, 0.7)).astype(np.float32)


def speakers(folder):
    """Recorded speakers; every third recording plays faster, for sibilants above its own 8 kHz."""
    files = sorted(file for pattern in SPEAKERS for file in glob.glob(os.path.join(folder, pattern)))
    used = [f for f in files if os.path.basename(f).split("-")[0] not in KEPT_SPEAKERS]
    faster = ["asetrate=20000", "asetrate=22000"]
    return [decode(["-i", f], filters=faster[n // 3 % 2] if n % 3 == 0 else None) for n, f in enumerate(used)]


def training_sounds(folder, seed, utterances=160):
    """Groups of sounds with the share of the pieces that each gives."""
    rng = np.random.default_rng(seed)
    spoken = [speech(rng) for _ in range(utterances)]
    spoken += [room(rng, x) for x in spoken[: utterances // 2]]
    recorded = [decode(["-i", f"{folder}/{name}"]) for name in RECORDINGS]
    played = [decode(["-i", f"{folder}/{name}"]) for name in MUSIC]
    people = speakers(folder)
    return [
        (0.52 if people else 0, people),
        (0.25, spoken),
        (0.05, recorded),
        (0.05, played),
        (0.10, [music(rng) for _ in range(30)]),
        (0.03, [noise(rng) for _ in range(15)]),
    ]


def held_out(folder):
    """Sounds for evaluation, with what each is; at most eight seconds."""
    rng = np.random.default_rng(99)
    files = [("speech", HELD_OUT_SPEECH), ("music", HELD_OUT_MUSIC)]
    clips = [
        (kind, name, decode(["-i", f"{folder}/{path}"]))
        for kind, names in files for name, path in names.items() if os.path.exists(f"{folder}/{path}")
    ]
    # The first two were the only ones once: their sounds stay what they were.
    clips.append(("speech", f"espeak-ng {HELD_OUT_VOICES[0]}", speech(rng, HELD_OUT_VOICES[:1])))
    clips.append(("music", "made here", music(rng)))
    clips += [("speech", f"espeak-ng {voice}", speech(rng, [voice])) for voice in HELD_OUT_VOICES[1:]]
    return [(kind, name, sound[: 8 * RATE]) for kind, name, sound in clips]


class Pieces:
    """Endless seeded batches of pieces [B, 1, length]."""

    def __init__(self, groups, length, seed):
        self.groups = [[s.astype(np.float16) for s in sounds] for _, sounds in groups]
        self.share = np.array([share for share, _ in groups])
        self.share /= self.share.sum()
        # Long recordings give more pieces than short ones.
        self.chances = [np.array([len(s) for s in g], float) / max(1, sum(map(len, g))) for g in self.groups]
        self.length = length
        self.rng = np.random.default_rng(seed)

    def cut(self, group):
        rng = self.rng
        sound = self.groups[group][rng.choice(len(self.groups[group]), p=self.chances[group])]
        sound = np.pad(sound, (0, max(0, self.length - len(sound))))
        at = rng.integers(0, len(sound) - self.length + 1)
        piece = sound[at:at + self.length].astype(np.float32)
        # Mostly towards the loudness of speech, whatever the recording's.
        peak = np.abs(sound).max().astype(np.float32)
        return piece / max(peak, 1e-3) * rng.uniform(0.2, 1.0) * rng.choice([-1, 1])

    def batch(self, count):
        rng, out = self.rng, []
        for group in rng.choice(len(self.groups), count, p=self.share):
            piece = self.cut(group)
            if rng.random() < 0.08:
                piece = piece + 0.4 * self.cut(rng.choice(len(self.groups), p=self.share))
            out.append(np.clip(piece, -1, 1))
        return np.stack(out)[:, None].astype(np.float32)
