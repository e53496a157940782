"""Messages of @vcs/transport in Python: the envelope, tensors in it, and four channels.

    python vcs_messages.py receive tcp://127.0.0.1:7000 3
    python vcs_messages.py send zmq+push://127.0.0.1:7000 3

Copy this file: it needs NumPy, and of pyzmq, redis and nats-py what its channel does. With PyTorch,
torch.from_numpy(array) shares the memory of an array, and tensor.numpy() gives one to send.

`receive` accepts a message when the loop asks for the next, as receivers of @vcs/transport do.
"""

import asyncio
import json
import os
import socket
import struct
import sys
import threading
import zlib
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import parse_qs, urlsplit

import numpy as np

# magic VCSM, version, format, flags, stream, sequence, microseconds, model, length, CRC-32
ENVELOPE = struct.Struct("<4sBBHQQqQII")
FORMATS = ("bytes", "safetensors")
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}


@dataclass(frozen=True)
class Message:
    payload: bytes = b""
    stream_id: int = 0
    sequence: int = 0
    pts: float = 0.0
    model_id: int = 0
    key: bool = False
    end: bool = False
    after_drop: bool = False
    format: str = "bytes"


def encode(message: Message) -> bytes:
    flags = message.key | message.end << 1 | message.after_drop << 2
    fields = (b"VCSM", 1, FORMATS.index(message.format), flags, message.stream_id, message.sequence)
    rest = (round(message.pts * 1e6), message.model_id, len(message.payload))
    head = ENVELOPE.pack(*fields, *rest, 0)[:44]
    return head + struct.pack("<I", zlib.crc32(message.payload, zlib.crc32(head))) + message.payload


def decode(data: bytes) -> Message:
    magic, version, format, flags, stream_id, sequence, time, model_id, length, crc = (
        ENVELOPE.unpack_from(data)
    )
    payload = bytes(data[ENVELOPE.size :])
    if magic != b"VCSM" or version != 1 or format > 1 or flags > 7 or len(payload) != length:
        raise ValueError(f"not a message: {magic!r}, version {version}, {len(payload)} bytes")
    if zlib.crc32(payload, zlib.crc32(data[:44])) != crc:
        raise ValueError("the message does not match its checksum")
    bits = (bool(flags & 1), bool(flags & 2), bool(flags & 4))
    return Message(payload, stream_id, sequence, time / 1e6, model_id, *bits, FORMATS[format])


def with_tensors(message: Message, tensors: dict[str, np.ndarray]) -> Message:
    """The message with arrays as its payload, a safetensors file."""
    header, parts, at = {}, [], 0
    for name, array in tensors.items():
        dtype = next(d for d, code in DTYPES.items() if np.dtype(code) == array.dtype)
        data = np.ascontiguousarray(array, DTYPES[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    payload = struct.pack("<Q", len(text)) + text + b"".join(parts)
    return replace(message, payload=payload, format="safetensors")


def tensors_of(message: Message) -> dict[str, np.ndarray]:
    (length,) = struct.unpack_from("<Q", message.payload)
    header = json.loads(message.payload[8 : 8 + length])
    header.pop("__metadata__", None)
    data = memoryview(message.payload)[8 + length :]
    return {
        name: np.frombuffer(data[slice(*t["data_offsets"])], DTYPES[t["dtype"]]).reshape(t["shape"])
        for name, t in header.items()
    }


# tcp: frames of a 20-byte header and a body, see channels/tcp/frames.ts. A sender connects to a
# receiver; one connection, which is not made again when it is lost.
HELLO, REFUSE, WELCOME, MESSAGE, ACCEPT, BEAT, BYE = 1, 3, 4, 5, 6, 7, 8
CREDITS, HEARTBEAT = 3, 5


class Link:
    def __init__(self, conn: socket.socket, role: int):
        self.conn, self.lock, self.over = conn, threading.Lock(), threading.Event()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own = int.from_bytes(os.urandom(8), "little") or 1
        about = (0x54534356, 1, role, 0, CREDITS, own, 0, 0, os.urandom(16))
        hello = struct.pack("<IBBHIQQQ16s", *about)
        if role == 0:
            self.write(HELLO, 0, hello)
        kind, _, body = self.read()
        if kind != HELLO or body[5] == role:
            raise ConnectionError(f"the peer is not the other end: frame {kind} {body!r}")
        self.peer_credits = struct.unpack_from("<I", body, 8)[0]
        if role == 0:
            kind, _, body = self.read()
            if kind != WELCOME:
                raise ConnectionError(f"the receiver refuses: {body!r}")
        else:
            self.write(HELLO, 0, hello)
            self.write(WELCOME)
        threading.Thread(target=self.beat, daemon=True).start()

    def beat(self) -> None:
        while not self.over.wait(HEARTBEAT):
            self.write(BEAT)

    def write(self, kind: int, number: int = 0, body: bytes = b"") -> None:
        head = struct.pack("<IIQ", kind, len(body), number)
        crc = zlib.crc32(b"" if kind == MESSAGE else body, zlib.crc32(head))
        with self.lock:
            self.conn.sendall(head + struct.pack("<I", crc) + body)

    def take(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self.conn.recv(count - len(data))
            if not piece:
                raise ConnectionError("the peer is gone")
            data += piece
        return bytes(data)

    def read(self) -> tuple[int, int, bytes]:
        while True:
            head = self.take(20)
            kind, length, number, crc = struct.unpack("<IIQI", head)
            body = self.take(length)
            if zlib.crc32(b"" if kind == MESSAGE else body, zlib.crc32(head[:16])) != crc:
                raise ConnectionError("a frame is damaged")
            if kind != BEAT:
                return kind, number, body

    def close(self) -> None:
        self.over.set()
        self.write(BYE)
        self.conn.shutdown(socket.SHUT_WR)
        while self.conn.recv(4096):
            pass
        self.conn.close()


def tcp_send(url, messages):
    link = Link(socket.create_connection((url.hostname, url.port)), 0)
    sent = accepted = 0
    for message in messages:
        while sent - accepted >= min(CREDITS, link.peer_credits):
            accepted = link.read()[1]
        sent += 1
        link.write(MESSAGE, sent, encode(message))
    while accepted < sent:
        accepted = link.read()[1]
    link.close()


def tcp_receive(url, capabilities=""):
    with socket.create_server((url.hostname, url.port)) as server:
        link = Link(server.accept()[0], 1)
    link.write(ACCEPT, 0, capabilities.encode())
    try:
        while (frame := link.read())[0] == MESSAGE:
            yield decode(frame[2]), partial(link.write, ACCEPT, frame[1])
    finally:
        link.close()


def zmq_send(url, messages):
    import zmq

    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.connect(f"tcp://{url.netloc}")
        for message in messages:
            push.send(encode(message))


def zmq_receive(url):
    import zmq

    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        gone = pull.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        pull.bind(f"tcp://{url.netloc}")
        try:
            while True:
                yield decode(pull.recv()), lambda: None  # to be in our queue is to be accepted
        finally:
            # libzmq answers the sender's last question only while we are here.
            gone.poll(10_000)
            pull.disable_monitor()


def option(url, name):
    return parse_qs(url.query).get(name, ["vcs"])[0]


def redis_send(url, messages):
    import redis

    client, stream = redis.Redis(url.hostname, url.port), option(url, "stream")
    for message in messages:
        key = f"{message.stream_id:016x}-{message.sequence}"
        client.xadd(stream, {"k": key, "m": encode(message)})


def redis_receive(url):
    import redis

    client = redis.Redis(url.hostname, url.port)
    stream, group = option(url, "stream"), option(url, "group")
    try:
        client.xgroup_create(stream, group, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    while True:
        for _, entries in client.xreadgroup(group, "python", {stream: ">"}, count=1, block=1000):
            for id, fields in entries:
                done = client.pipeline().xack(stream, group, id).xdel(stream, id)
                yield decode(fields[b"m"]), done.execute


async def nats_place(url):
    import nats

    connection = await nats.connect(f"nats://{url.netloc}")
    client, stream = connection.jetstream(), option(url, "stream")
    kept = {"retention": "workqueue", "discard": "new", "max_msgs": 3, "duplicate_window": 120}
    try:
        await client.stream_info(stream)
    except nats.js.errors.NotFoundError:
        await client.add_stream(name=stream, subjects=[stream], **kept)
    return connection, client, stream


def nats_send(url, messages):
    import nats

    async def publish():
        connection, client, stream = await nats_place(url)
        for message in messages:
            headers = {"Nats-Msg-Id": f"{message.stream_id:016x}-{message.sequence}"}
            while True:
                try:
                    await client.publish(stream, encode(message), headers=headers)
                    break
                except nats.js.errors.APIError as error:
                    if error.err_code != 10077:  # the stream is full
                        raise
                    await asyncio.sleep(0.02)
        await connection.close()

    asyncio.run(publish())


def nats_receive(url):
    loop = asyncio.new_event_loop()
    connection, client, stream = loop.run_until_complete(nats_place(url))
    pull = loop.run_until_complete(client.pull_subscribe(stream, durable=stream, stream=stream))
    try:
        while True:
            try:
                (entry,) = loop.run_until_complete(pull.fetch(1, timeout=1))
            except asyncio.TimeoutError:
                continue
            yield decode(entry.data), lambda: loop.run_until_complete(entry.ack_sync())
    finally:
        loop.run_until_complete(connection.close())


SEND = {"tcp": tcp_send, "zmq+push": zmq_send, "redis": redis_send, "nats": nats_send}
RECEIVE = {
    "tcp": tcp_receive,
    "zmq+pull": zmq_receive,
    "redis": redis_receive,
    "nats": nats_receive,
}


def send(url: str, messages) -> None:
    """Sends messages; over tcp and nats it returns when they are accepted or stored."""
    SEND[urlsplit(url).scheme](urlsplit(url), messages)


def receive(url: str, **options):
    """Messages, each accepted when the next is asked for; ends after one with the flag `end`.

    Of the channels, tcp takes `capabilities`: words that tell the sender what is read here.
    """
    with closing(RECEIVE[urlsplit(url).scheme](urlsplit(url), **options)) as deliveries:
        for message, accept in deliveries:
            yield message
            accept()
            if message.end:
                return


def numbered(count: int):
    stream_id = int.from_bytes(os.urandom(8), "little")
    for sequence in range(count):
        message = Message(stream_id=stream_id, sequence=sequence, pts=sequence / 24)
        codes = np.full((2, 3), sequence, np.int32)
        scale = np.array([sequence / 2], np.float32)
        end = sequence == count - 1
        yield with_tensors(replace(message, key=True, end=end), {"codes": codes, "scale": scale})


if __name__ == "__main__":
    command, where, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if command == "send":
        send(where, numbered(count))
    else:
        for message in receive(where):
            tensors = tensors_of(message)
            shapes = {name: list(array.shape) for name, array in tensors.items()}
            total = sum(float(array.sum()) for array in tensors.values())
            print(message.sequence, json.dumps(shapes, sort_keys=True), total, flush=True)
