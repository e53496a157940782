"""Windows of @vcs/video-vq in Python: both versions of their headers, and packed tokens.

    python vcs_windows.py receive tcp://127.0.0.1:7000 3
    python vcs_windows.py send tcp://127.0.0.1:7000 3 2

Copy this file and vcs_messages.py: they need NumPy. The signs of a window are the `quant` of
Open-MAGVIT2's decoder: torch.from_numpy(window.quant). The sender's tokens must be packed (`video-vq
encode --payload packed`): the range coder builds on the windows before.
"""

import struct
import sys
import time
import zlib
from dataclasses import dataclass

import numpy as np
import vcs_messages

# version, coding and fit, valid frames, times, latent, frame, rate, captured, encoding, CRC-32, sent
HEADER = struct.Struct("<BBBB4H2H2IdfId")
FITS = (None, "pad", "stretch")
CAPABILITY = "video-window-2"


@dataclass(frozen=True)
class Window:
    signs: np.ndarray  # of bool: channels, frames, rows, columns
    valid_frames: int
    size: tuple[int, int]  # columns, rows: of the frame, or with a fit of what is shown of it
    rate: tuple[int, int]
    times: tuple[float, ...]  # of the valid frames in seconds, then the end of the last one
    captured_at: float = 0.0  # milliseconds since 1970, as is sent_at
    encode_seconds: float = 0.0
    sent_at: float = 0.0
    fit: str | None = None

    @property
    def quant(self) -> np.ndarray:
        return self.signs[None] * np.float32(2) - np.float32(1)


def encode(window: Window, version: int = 1) -> bytes:
    packed = np.packbits(window.signs, axis=None, bitorder="little").tobytes()
    table, times = table_of(window)
    header = header_1 if version == 1 else header_2
    return header(window, table, zlib.crc32(packed)) + times + packed


def decode(payload: bytes, pts: float = 0.0) -> Window:
    if payload[:1] not in (b"\1", b"\2"):
        raise ValueError(f"not a window: version {payload[:1].hex()}, expected 1 or 2")
    is_range, table, shape, crc, fields, at = (read_1 if payload[0] == 1 else read_2)(payload)
    if is_range:
        raise ValueError("the tokens are range coded, expected packed ones")
    count, (rate, scale) = fields["valid_frames"], fields["rate"]
    if table == 0:
        after = [i * scale / rate for i in range(count + 1)]
    else:
        ends = np.frombuffer(payload, ("<u4", "<f8")[table - 1], count, at)
        after = [0.0, *(float(end) / (1e6, 1)[table - 1] for end in ends)]
        at += ends.nbytes
    bits = np.unpackbits(np.frombuffer(payload, np.uint8, -1, at), bitorder="little")
    total = int(np.prod(shape))
    if len(bits) != -(-total // 8) * 8 or bits[total:].any() or zlib.crc32(payload[at:]) != crc:
        raise ValueError("the window's tokens do not match its header")
    signs = bits[:total].reshape(shape).astype(bool)
    return Window(signs, times=tuple(pts + seconds for seconds in after), **fields)


def table_of(window: Window) -> tuple[int, bytes]:
    after = np.array(window.times) - window.times[0]
    even = np.arange(len(after)) * window.rate[1] / window.rate[0]
    if np.abs(after - even).max() < 0.5e-6:
        return 0, b""
    if after.min() >= 0 and after.max() < 4294:
        return 1, np.rint(after[1:] * 1e6).astype("<u4").tobytes()
    return 2, after[1:].astype("<f8").tobytes()


def header_1(window: Window, table: int, crc: int) -> bytes:
    about = (1, 16 * FITS.index(window.fit), window.valid_frames, table)
    sizes = (*window.signs.shape, *window.size, *window.rate)
    return HEADER.pack(
        *about, *sizes, window.captured_at, window.encode_seconds, crc, window.sent_at
    )


def read_1(payload: bytes):
    _, kind, valid, table, *sizes, captured, seconds, crc, sent = HEADER.unpack_from(payload)
    fields = {
        "valid_frames": valid, "size": tuple(sizes[4:6]), "rate": tuple(sizes[6:]),
        "captured_at": captured, "encode_seconds": seconds, "sent_at": sent, "fit": FITS[kind >> 4],
    }
    return kind & 15, table, sizes[:4], crc, fields, HEADER.size


def header_2(window: Window, table: int, crc: int) -> bytes:
    *_, rows, columns = window.signs.shape
    sized = window.fit is not None or window.size != (8 * columns, 8 * rows)
    kind = 2 * table + 8 * FITS.index(window.fit) + 32 * sized
    sent = round(window.sent_at * 1000)
    captured = sent - round(window.captured_at * 1000) + 1 if window.captured_at else 0
    numbers = [window.valid_frames, *window.signs.shape, *(window.size if sized else ())]
    numbers += [*window.rate, sent, captured, round(window.encode_seconds * 1e6)]
    return bytes([2, kind]) + b"".join(map(digits, numbers)) + struct.pack("<I", crc)


def read_2(payload: bytes):
    at = 2

    def take() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    kind = payload[1]
    valid, *shape = (take() for _ in range(5))
    size = (take(), take()) if kind & 32 else (8 * shape[3], 8 * shape[2])
    rate = (take(), take())
    sent, captured, micros = take(), take(), take()
    (crc,) = struct.unpack_from("<I", payload, at)
    fields = {
        "valid_frames": valid, "size": size, "rate": rate, "sent_at": sent / 1000,
        "captured_at": (sent - captured + 1) / 1000 if captured else 0.0,
        "encode_seconds": micros / 1e6, "fit": FITS[kind >> 3 & 3],
    }
    return kind & 1, kind >> 1 & 3, shape, crc, fields, at + 4


def digits(value: int) -> bytes:
    """A whole number in base 128, the lowest digit first (LEB128)."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def numbered(count: int, version: int):
    for sequence in range(count):
        signs = np.random.default_rng(sequence).random((18, 5, 2, 2)) < 0.5
        times = tuple((sequence * 17 + i) / 24 for i in range(18))
        now = time.time() * 1000
        window = Window(signs, 17, (16, 16), (24, 1), times, now - 800, 0.09, now)
        yield vcs_messages.Message(
            encode(window, version), 1, sequence, times[0], key=True, end=sequence == count - 1
        )


if __name__ == "__main__":
    command, where, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if command == "send":
        vcs_messages.send(where, numbered(count, int(sys.argv[4])))
    else:
        for message in vcs_messages.receive(where, capabilities=CAPABILITY):
            window = decode(message.payload, message.pts)
            about = (message.payload[0], window.signs.shape, int(window.quant.sum()))
            print(message.sequence, *about, window.times[-1], flush=True)
