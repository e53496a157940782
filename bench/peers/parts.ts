/**
 * What is compared with whom: for each part of the work our entries of `ours.ts`, the peers of
 * `peers.py`, and what they are given.
 *
 * @module
 */
import { encodeNpy } from "@vcs/transport/npy";
import { encodeNpz } from "@vcs/transport/npz";
import { encodeSafetensors } from "@vcs/transport/safetensors";
import { tensor } from "@vcs/transport/tensor";
import { startBroker } from "../../packages/transport/trial/brokers.ts";
import { freePort } from "../../packages/transport/site/free_port.ts";
import { madeClip } from "../made_clips.ts";
import { COUNT } from "../transport_jobs.ts";

/** What every side is given. */
export interface Given {
  readonly threads: number;
  /** A folder for what they write. */
  readonly folder: string;
  readonly film: string;
  /** Numbers of frames: 16 spread, and 30 at random. */
  readonly sixteen: readonly number[];
  readonly random: readonly number[];
  readonly seconds: number;
  readonly kbps: Record<string, number>;
  readonly codebooks: Record<"24 kHz" | "48 kHz", number>;
  readonly npz: string;
  readonly npy: string;
  readonly safetensors: string;
  readonly port: number;
  readonly redis: string;
  readonly nats: string;
  readonly messages: number;
  readonly sizes: readonly number[];
}

/** A part: a table in a README. */
export interface Part {
  /** The package whose README has the table. */
  readonly package: string;
  /** Our entries; the first is what the others are set against. */
  readonly ours: readonly string[];
  readonly peers: readonly string[];
  /** What a reader of the table has to know. */
  readonly what: string;
  /** What each job is, in the table's words. */
  readonly jobs: Readonly<Record<string, string>>;
  /** Makes what they are given. */
  readonly prepare: (folder: string, stack: AsyncDisposableStack) => Promise<Partial<Given>>;
}

const FRAMES = 240;

/** Repeatable numbers of frames. */
function scattered(count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.imul(i + 1, 2654435761) >>> 0)
    .map((n) => n % FRAMES);
}

async function film(): Promise<Partial<Given>> {
  const sixteen = Array.from({ length: 16 }, (_, i) => Math.floor(i * (FRAMES - 1) / 15));
  const clip = { width: 1920, height: 1080, frames: FRAMES };
  return { film: await madeClip(clip), sixteen, random: scattered(30) };
}

async function files(folder: string): Promise<Partial<Given>> {
  const paths = { npz: `${folder}/many.npz`, npy: `${folder}/big.npy` };
  const values = Float32Array.from({ length: 1 << 24 }, (_, i) => Math.sin(i));
  const big = tensor("F32", [4096, 4096], values);
  const safetensors = `${folder}/big.safetensors`;
  await Deno.writeFile(paths.npy, encodeNpy(big));
  await Deno.writeFile(safetensors, encodeSafetensors({ big }));
  await Deno.writeFile(paths.npz, await many());
  return { ...paths, safetensors };
}

/** Twenty thousand small arrays. */
async function many(): Promise<Uint8Array> {
  const names = Array.from(
    { length: 20_000 },
    (_, i) => [`layer.${i}`, tensor("F32", [8])] as const,
  );
  return await encodeNpz(new Map(names));
}

async function brokers(_: string, stack: AsyncDisposableStack): Promise<Partial<Given>> {
  const [redis, nats] = [await startBroker("redis"), await startBroker("nats")];
  stack.use(redis);
  stack.use(nats);
  return {
    redis: `redis://127.0.0.1:${redis.port}/0`,
    nats: `nats://127.0.0.1:${nats.port}`,
    port: freePort(),
    messages: COUNT,
    sizes: [2880, 92_160],
  };
}

/** The table. */
export const PARTS: Readonly<Record<string, Part>> = {
  media: {
    package: "media",
    ours: ["media"],
    peers: ["torchcodec, exact", "torchcodec, approximate", "decord", "PyAV", "OpenCV"],
    what: "each frame in memory of its own, but where it is lent",
    jobs: {
      dense: `all ${FRAMES} frames of 1080p`,
      lent: "the same, where one array will do (`lend`)",
      sixteen: "16 of them, spread",
      random: "30 of them, at random",
      small: "all, 224×224",
    },
    prepare: film,
  },
  sound: {
    package: "encodec-stream",
    ours: ["sound"],
    peers: ["encodec by Meta", "EncodecModel of transformers"],
    what: "networks of full size with random weights",
    jobs: Object.fromEntries(
      ["decode 48 kHz", "encode 48 kHz", "decode 24 kHz", "encode 24 kHz"]
        .map((name) => [name, `${name}, 20 s`]),
    ),
    prepare: () =>
      Promise.resolve({
        seconds: 20,
        kbps: { "48 kHz": 12, "24 kHz": 6 },
        codebooks: { "48 kHz": 8, "24 kHz": 8 },
      }),
  },
  pictures: {
    package: "clip-drift",
    ours: ["pictures", "pictures, int8"],
    peers: ["open_clip, eager", "open_clip, compiled", "ONNX export", "ONNX export, int8"],
    what: "the model alone, with random weights",
    jobs: { "1 images": "ViT-B-32, 1 image", "8 images": "ViT-B-32, 8 images" },
    prepare: () => Promise.resolve({}),
  },
  formats: {
    package: "transport",
    ours: ["formats"],
    peers: ["NumPy", "safetensors"],
    what: "files in the system's cache",
    jobs: Object.fromEntries(
      [
        "npz of 20,000 members",
        "npy of 64 MB",
        "safetensors of 64 MB, read",
        "safetensors of 64 MB, written",
      ].map((name) => [name, name]),
    ),
    prepare: files,
  },
  channels: {
    package: "transport",
    ours: ["tcp:", "zmq+push:", "redis:", "nats:"],
    peers: ["pyzmq", "redis-py", "nats-py"],
    what: "to another process, until it has acknowledged the last",
    jobs: {
      [`${COUNT} of 2880 bytes`]: `${COUNT} messages of 2.9 kB`,
      [`${COUNT} of 92160 bytes`]: `${COUNT} messages of 92 kB`,
    },
    prepare: brokers,
  },
};
