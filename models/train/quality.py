"""How close decoded sound is to the original: figures that can hear what a codec does wrong.

Everything is float32 mono at 24 kHz.
"""
import math

import numpy as np
from pesq import pesq
from pystoi import stoi
from scipy.signal import resample_poly

RATE = 24000


def si_sdr(y, x):
    """dB between what of y is x at some loudness and what is not (Le Roux et al. 2018)."""
    part = (x @ y) / (x @ x) * x
    return 10 * math.log10(float(part @ part) / max(float((y - part) @ (y - part)), 1e-12))


def windows(x, size, hop):
    return np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(x, size)[::hop] * np.hanning(size)))


def comb(x):
    """Share of the energy between 3 and 10 kHz within 7.5 Hz of a multiple of 75 Hz, the rate of
    frames: 0.2 by chance, 1 where a decoder repeats one waveform a frame."""
    size = 9600
    power = (windows(x, size, 2400) ** 2).sum(0)
    f = np.fft.rfftfreq(size, 1 / RATE)
    high = (f >= 3000) & (f < 10000)
    on = np.abs(f - np.round(f / 75) * 75) <= 7.5
    return power[high & on].sum() / max(power[high].sum(), 1e-12)


def stft_distance(y, x, sizes=(512, 1024, 2048)):
    """Mean absolute difference of spectra in dB at three window sizes, what is inaudible left out."""
    def decibels(signal, size):
        return 20 * np.log10(windows(signal, size, size // 4) / math.sqrt(size) + 1e-3)
    return np.mean([np.abs(decibels(y, size) - decibels(x, size)).mean() for size in sizes])


def pesq_wb(y, x):
    """Mean opinion score, listening quality, of wide-band speech (ITU-T P.862.2), 1 to 4.6."""
    y, x = (resample_poly(s, 2, 3).astype(np.float32) for s in (y, x))
    return pesq(16000, x, y, "wb")


def quality(y, x, kind):
    """All figures of a clip; the two for speech where it is speech."""
    y, x = y.astype(np.float64), x.astype(np.float64)
    figures = dict(si_sdr=si_sdr(y, x), stft=stft_distance(y, x), comb=comb(y))
    if kind == "speech":
        # Extended short-time objective intelligibility (Jensen and Taal 2016), at most 1.
        figures |= dict(estoi=stoi(x, y, RATE, extended=True), pesq=pesq_wb(y, x))
    return {name: round(float(value), 3) for name, value in figures.items()}
