"""One peer of ours, served line by line: `peers.py NAME JSON`.

Prints a line of JSON first: {"version": …}, or {"missing": why}. Then reads the name of a job and prints
the milliseconds that it took, until its input ends. JSON holds the paths and sizes that the jobs need.
"""
import importlib.metadata
import json
import sys
import time

GIVEN = {}


def version(*packages):
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)


# Video. Frames are touched by nobody: what is measured is RGB in memory, each frame in its own.


def frame_jobs(dense, at, small=None):
    jobs = dict(
        dense=lambda: dense(GIVEN["film"]),
        lent=lambda: dense(GIVEN["film"]),
        sixteen=lambda: at(GIVEN["film"], GIVEN["sixteen"]),
        random=lambda: at(GIVEN["film"], GIVEN["random"]),
    )
    return jobs | (dict(small=lambda: small(GIVEN["film"])) if small else {})


def torchcodec(mode):
    import torch
    from torchcodec.decoders import VideoDecoder

    def open_film(path):
        return VideoDecoder(path, seek_mode=mode, num_ffmpeg_threads=0)

    def dense(path):
        for frame in open_film(path):
            frame.permute(1, 2, 0).contiguous()

    def at(path, numbers):
        return open_film(path).get_frames_at(numbers).data.permute(0, 2, 3, 1).contiguous()

    def small(path):
        from torchcodec.transforms import Resize
        decoder = VideoDecoder(path, seek_mode=mode, num_ffmpeg_threads=0, transforms=[Resize(size=(224, 224))])
        for frame in decoder:
            frame.permute(1, 2, 0).contiguous()

    torch.set_num_threads(GIVEN["threads"])
    return version("torchcodec", "torch"), frame_jobs(dense, at, small)


def decord():
    import decord as d

    def dense(path):
        reader = d.VideoReader(path)
        for n in range(len(reader)):
            reader[n].asnumpy()

    def small(path):
        reader = d.VideoReader(path, width=224, height=224)
        for n in range(len(reader)):
            reader[n].asnumpy()

    return version("decord"), frame_jobs(dense, lambda path, numbers: d.VideoReader(path).get_batch(numbers).asnumpy(), small)


def pyav():
    import av

    def open_film(path):
        container = av.open(path)
        container.streams.video[0].thread_type = "AUTO"
        return container

    def dense(path):
        with open_film(path) as container:
            for frame in container.decode(video=0):
                frame.to_ndarray(format="rgb24")

    def small(path):
        with open_film(path) as container:
            for frame in container.decode(video=0):
                frame.reformat(224, 224, "rgb24").to_ndarray()

    return version("av"), dict(dense=lambda: dense(GIVEN["film"]), lent=lambda: dense(GIVEN["film"]), small=lambda: small(GIVEN["film"]))


def opencv():
    import cv2

    def dense(path):
        film = cv2.VideoCapture(path)
        while True:
            more, frame = film.read()
            if not more:
                return
            cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def at(path, numbers):
        film = cv2.VideoCapture(path)
        for n in numbers:
            film.set(cv2.CAP_PROP_POS_FRAMES, n)
            cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2RGB)

    def small(path):
        film = cv2.VideoCapture(path)
        while True:
            more, frame = film.read()
            if not more:
                return
            cv2.cvtColor(cv2.resize(frame, (224, 224)), cv2.COLOR_BGR2RGB)

    cv2.setNumThreads(GIVEN["threads"])
    return version("opencv-python-headless"), frame_jobs(dense, at, small)


# Sound. Random weights of full size; speed does not depend on them.


def sound(rate, channels):
    import torch
    return torch.randn(1, channels, rate * GIVEN["seconds"]) * 0.1


def codec_jobs(models):
    import torch
    jobs = {}
    for name, (rate, channels, encode, decode) in models.items():
        x = sound(rate, channels)
        with torch.no_grad():
            coded = encode(x)

        def timed(action, given):
            def run():
                with torch.no_grad():
                    action(given)
            return run

        jobs |= {f"decode {name}": timed(decode, coded), f"encode {name}": timed(encode, x)}
    return jobs


def meta_encodec():
    import torch
    from encodec import EncodecModel
    torch.set_num_threads(GIVEN["threads"])
    models = {}
    for name, make, rate, channels in (
        ("48 kHz", EncodecModel.encodec_model_48khz, 48000, 2), ("24 kHz", EncodecModel.encodec_model_24khz, 24000, 1)):
        model = make(pretrained=False).eval()
        model.set_target_bandwidth(GIVEN["kbps"][name])
        models[name] = rate, channels, model.encode, model.decode
    return version("encodec", "torch"), codec_jobs(models)


def transformers_encodec():
    import torch
    from transformers import EncodecConfig, EncodecModel
    torch.set_num_threads(GIVEN["threads"])
    stereo = dict(sampling_rate=48000, audio_channels=2, normalize=True, chunk_length_s=1.0, overlap=0.01,
                  norm_type="time_group_norm", use_causal_conv=False, target_bandwidths=[3.0, 6.0, 12.0, 24.0])
    models = {}
    for name, config, rate, channels in (("48 kHz", stereo, 48000, 2), ("24 kHz", {}, 24000, 1)):
        model = EncodecModel(EncodecConfig(**config)).eval()

        def encode(x, model=model, name=name):
            return model.encode(x, bandwidth=GIVEN["kbps"][name])

        def decode(coded, model=model):
            return model.decode(coded.audio_codes, coded.audio_scales)

        models[name] = rate, channels, encode, decode
    return version("transformers", "torch"), codec_jobs(models)


# Pictures: ViT-B-32 of full size, random weights.


def clip_visual():
    import open_clip
    import torch
    torch.set_num_threads(GIVEN["threads"])
    return open_clip.create_model("ViT-B-32-quickgelu", pretrained=None).eval().visual


def picture_jobs(run):
    import torch
    batches = {f"{n} images": torch.randn(n, 3, 224, 224) for n in (1, 8)}

    def timed(batch):
        def job():
            with torch.no_grad():
                run(batch)
        return job
    return {name: timed(batch) for name, batch in batches.items()}


def open_clip_eager():
    return version("open_clip_torch", "torch"), picture_jobs(clip_visual())


def open_clip_compiled():
    import torch
    return version("open_clip_torch", "torch"), picture_jobs(torch.compile(clip_visual()))


def clip_onnx(precision):
    import onnxruntime as ort
    import torch
    path = f"{GIVEN['folder']}/clip.onnx"
    torch.onnx.export(clip_visual(), (torch.randn(2, 3, 224, 224),), path, input_names=["pixels"],
                      output_names=["embedding"], dynamic_axes={"pixels": {0: "n"}, "embedding": {0: "n"}}, dynamo=False)
    if precision == "int8":
        from onnxruntime.quantization import quantize_dynamic
        quantize_dynamic(path, path + ".int8")
        path += ".int8"
    options = ort.SessionOptions()
    options.intra_op_num_threads = GIVEN["threads"]
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return version("onnxruntime", "torch"), picture_jobs(lambda batch: session.run(None, {"pixels": batch.numpy()}))


# Formats.


def numpy_formats():
    import numpy as np

    def members():
        with np.load(GIVEN["npz"]) as archive:
            for name in archive.files:
                archive[name]

    return version("numpy"), {
        "npz of 20,000 members": members,
        "npy of 64 MB": lambda: np.load(GIVEN["npy"]),
    }


def safetensors_formats():
    from safetensors.numpy import load_file, save_file
    tensors = load_file(GIVEN["safetensors"])
    return version("safetensors"), {
        "safetensors of 64 MB, read": lambda: load_file(GIVEN["safetensors"]),
        "safetensors of 64 MB, written": lambda: save_file(tensors, f"{GIVEN['folder']}/theirs.safetensors"),
    }


# Channels: messages to another process, until it has acknowledged the last.


def messages():
    return {f"{GIVEN['messages']} of {size} bytes": bytes(size) for size in GIVEN["sizes"]}


def beside(receive, *args):
    """Starts a receiver, in a process of its own."""
    import multiprocessing
    process = multiprocessing.get_context("spawn").Process(target=receive, args=(GIVEN["messages"], *args), daemon=True)
    process.start()
    return process


def pull_zmq(count, port):
    import zmq
    context = zmq.Context()
    pulled, told = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    pulled.bind(f"tcp://127.0.0.1:{port}")
    told.connect(f"tcp://127.0.0.1:{port + 1}")
    while True:
        for _ in range(count):
            pulled.recv()
        told.send(b"")


def pyzmq():
    import zmq
    port, context = GIVEN["port"], zmq.Context()
    pushed, told = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    told.bind(f"tcp://127.0.0.1:{port + 1}")
    pushed.connect(f"tcp://127.0.0.1:{port}")
    beside(pull_zmq, port)

    def job(payload):
        def run():
            for _ in range(GIVEN["messages"]):
                pushed.send(payload)
            told.recv()
        return run
    return version("pyzmq"), {name: job(payload) for name, payload in messages().items()}


def read_redis(count, url):
    import redis
    r = redis.from_url(url)
    while True:
        for _, entries in r.xreadgroup("g", "c", {"peer": ">"}, count=16, block=0):
            r.xack("peer", "g", *(name for name, _ in entries))
            for _ in entries:
                r.lpush("peer:told", "")


def redis_py():
    import redis
    r = redis.from_url(GIVEN["redis"])
    r.xgroup_create("peer", "g", mkstream=True)
    beside(read_redis, GIVEN["redis"])

    def job(payload):
        def run():
            for _ in range(GIVEN["messages"]):
                r.xadd("peer", {"m": payload}, maxlen=1000)
            for _ in range(GIVEN["messages"]):
                r.blpop("peer:told")
        return run
    return version("redis"), {name: job(payload) for name, payload in messages().items()}


async def take_nats(count, url):
    import nats
    connection = await nats.connect(url)
    subscription = await connection.jetstream().pull_subscribe("peer", "c", stream="PEER")
    while True:
        try:
            for message in await subscription.fetch(16, timeout=60):
                await message.ack_sync()
                await connection.publish("told", b"")
        except TimeoutError:
            pass


def receive_nats(count, url):
    import asyncio
    asyncio.run(take_nats(count, url))


def nats_py():
    import asyncio
    import nats
    loop = asyncio.new_event_loop()

    async def start():
        connection = await nats.connect(GIVEN["nats"])
        await connection.jetstream().add_stream(name="PEER", subjects=["peer"])
        return connection, await connection.subscribe("told")

    connection, told = loop.run_until_complete(start())
    beside(receive_nats, GIVEN["nats"])

    async def send(payload):
        stream = connection.jetstream()
        for _ in range(GIVEN["messages"]):
            await stream.publish("peer", payload)
        for _ in range(GIVEN["messages"]):
            await told.next_msg(timeout=60)

    def job(payload):
        return lambda: loop.run_until_complete(send(payload))
    return version("nats-py"), {name: job(payload) for name, payload in messages().items()}


PEERS = {
    "torchcodec, exact": lambda: torchcodec("exact"),
    "torchcodec, approximate": lambda: torchcodec("approximate"),
    "decord": decord,
    "PyAV": pyav,
    "OpenCV": opencv,
    "encodec by Meta": meta_encodec,
    "EncodecModel of transformers": transformers_encodec,
    "open_clip, eager": open_clip_eager,
    "open_clip, compiled": open_clip_compiled,
    "ONNX export": lambda: clip_onnx("fp32"),
    "ONNX export, int8": lambda: clip_onnx("int8"),
    "NumPy": numpy_formats,
    "safetensors": safetensors_formats,
    "pyzmq": pyzmq,
    "redis-py": redis_py,
    "nats-py": nats_py,
}


def main():
    name, given = sys.argv[1:]
    GIVEN.update(json.loads(given))
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        told, jobs = PEERS[name]()
    except Exception as error:
        print(json.dumps(dict(missing=f"{type(error).__name__}: {error}".splitlines()[0])), file=out, flush=True)
        return
    print(json.dumps(dict(version=told, jobs=list(jobs))), file=out, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        jobs[line.strip()]()
        print((time.perf_counter() - start) * 1e3, file=out, flush=True)


if __name__ == "__main__":
    main()
