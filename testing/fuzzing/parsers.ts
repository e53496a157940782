/**
 * Every file of the packages that takes bytes or JSON apart, and the target that reads through it; or
 * why there is none. `corpus_test.ts` holds this against the packages.
 *
 * @module
 */

/** Parsers by their paths below `packages`, with their targets. */
export const PARSERS: Readonly<Record<string, string>> = {
  "clip-drift/camera/http.ts": "camera-http",
  "clip-drift/fleet/mirror.ts": "mirror",
  "clip-drift/measures/regions.ts": "regions",
  "clip-drift/page/dashboard.ts": "regions",
  "clip-drift/runs/overview.ts": "run-folder",
  "clip-drift/runs/reader.ts": "run-folder",
  "clip-drift/vit/unigram.ts": "unigram",
  "encodec-stream/container/header.ts": "ecdc",
  "encodec-stream/container/python_json.ts": "python-json",
  "encodec-stream/container/reader.ts": "ecdc",
  "encodec-stream/live/block_message.ts": "live-block",
  "encodec-stream/lm/lm_reader.ts": "arithmetic-coder",
  "media/audio/pcm.ts": "wav",
  "media/audio/wav_header.ts": "wav",
  "media/decode/motion_vectors.ts": "motion-vectors",
  "media/formats/extra_row.ts": "jpeg-end",
  "media/formats/h264_start.ts": "h264-start",
  "media/formats/image_kinds.ts": "image-kinds",
  "media/image.ts": "image",
  "media/remote/matroska_cues.ts": "matroska-cues",
  "media/remote/mp4_boxes.ts": "mp4-boxes",
  "media/wav.ts": "wav",
  "onnx/cuda/elf.ts": "elf",
  "onnx/served/protocol.ts": "model-server",
  "onnx/torch/legacy.ts": "checkpoint",
  "onnx/torch/pickle_input.ts": "pickle",
  "together/film/tracks.ts": "film-track",
  "transport/batch/items.ts": "item-list",
  "transport/channels/tcp/frames.ts": "tcp-frames",
  "transport/channels/tcp/link.ts": "tcp-handshake",
  "transport/channels/zmq/peers.ts": "zmtp",
  "transport/channels/zmq/zmtp.ts": "zmtp",
  "transport/formats/npy_header.ts": "npy",
  "transport/formats/safetensors_header.ts": "safetensors",
  "transport/formats/strict_json.ts": "json",
  "transport/formats/zip_directory.ts": "zip",
  "transport/formats/zip_reader.ts": "zip",
  "transport/message.ts": "message",
  "transport/safetensors.ts": "safetensors",
  "transport/site/client_stream.ts": "client-stream",
  "transport/site/frames.ts": "websocket",
  "video-vq/stream/compact_header.ts": "coded-window",
  "video-vq/stream/payload.ts": "coded-window",
  "video-vq/stream/window_message.ts": "window",
};

const WRITES = "writes alone";
const OWN = "reads what this machine's own processes wrote, in whole files";
const CHILD =
  "reads what a process of the same command says, which it started or by which it was started";
const PROGRAM = "reads what FFmpeg says of a file";
const SERVER = "reads a server that the user has chosen, as JSON alone";

/** Files that look like parsers, with the reason for having no target. */
export const OTHERS: Readonly<Record<string, string>> = {
  "clip-drift/alerts/outbox.ts": OWN,
  "clip-drift/camera/error_hints.ts": SERVER,
  "encodec-stream/container/writer.ts": WRITES,
  "encodec-stream/page/player_server.ts": WRITES,
  "media/encode/matroska.ts": WRITES,
  "media/ffmpeg/audio_ffmpeg.ts": PROGRAM,
  "media/ffmpeg/node_av_input.ts": PROGRAM,
  "media/ffmpeg/ffprobe.ts": PROGRAM,
  "onnx/cache/manifest.ts": OWN,
  "onnx/cache/model_lock.ts": OWN,
  "onnx/graph/protobuf.ts": WRITES,
  "patch-stream/command/bench_python.ts": OWN,
  "together/page/film_message.ts": WRITES,
  "transport/batch/output/journal.ts": OWN,
  "transport/batch/output/manifest.ts": OWN,
  "transport/batch/output/parquet.ts": WRITES,
  "transport/batch/output/prove_files.ts": OWN,
  "transport/batch/output/record_files.ts": OWN,
  "transport/batch/output/shards.ts": OWN,
  "transport/batch/processes/answers.ts": CHILD,
  "transport/batch/processes/serve_items.ts": CHILD,
  "transport/batch/queue/counted.ts": OWN,
  "transport/batch/queue/merge.ts": OWN,
  "transport/batch/queue/plan.ts": OWN,
  "transport/batch/queue/reports.ts": OWN,
  "transport/batch/settings.ts": OWN,
  "transport/channels/nats/tls_connection.ts": SERVER,
  "transport/formats/pt.ts": WRITES,
  "transport/formats/zip_writer.ts": WRITES,
  "transport/parts/linked_modules.ts": "reads packages whose hash was compared",
  "transport/parts/python_index.ts": SERVER,
  "video-vq/page/live_frame.ts": WRITES,
};
