/**
 * Every pipeline of the four commands that goes on without end, and who looks at its page. Inputs come
 * at the pace of a camera or a microphone, so that all of them have room side by side.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { freePort } from "../../packages/transport/site/free_port.ts";

/** A pipeline. */
export interface Pipeline {
  /** A shell's lines whose output the command reads. */
  readonly before?: string;
  /** The package, and the words of its command. */
  readonly words: readonly [name: string, ...args: string[]];
  /** Looks at its page once, for about a second. */
  readonly view?: (signal: AbortSignal) => Promise<unknown>;
}

const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const [CLIP, SPEECH, IMAGE] = [
  here("apps/demo/clip.mp4"),
  here("apps/demo/speech.flac"),
  here("packages/clip-drift/picture.jpg"),
];

/** So many bytes of silence or darkness each second. */
const steady = (bytes: number) => `while head -c ${bytes} /dev/zero; do sleep 1; done`;

/** One file over and over, every two seconds, as items of their own. */
const items = (path: string) =>
  `i=0; while printf '{"source":"%s","key":"%d"}\\n' '${path}' $i; do i=$((i+1)); sleep 2; done`;

/** A batch of one file, over and over. */
function batchOf(name: string, folder: string, path: string, ...more: string[]): Pipeline {
  const output = ["-o", `${folder}/batch-${name}`, "--format", "webdataset", "--shard-size", "1M"];
  return { before: items(path), words: [name, "batch", "--list", "-", ...output, ...more] };
}

/** Reads what a page's socket sends, for a second. */
async function watch(url: string, signal: AbortSignal): Promise<void> {
  using held = new DisposableStack();
  const socket = held.adopt(new WebSocket(url), (socket) => socket.close());
  await new Promise<void>((resolve) => {
    socket.onclose = socket.onerror = () => resolve();
    signal.addEventListener("abort", () => resolve());
    held.adopt(setTimeout(resolve, 1000), clearTimeout);
  });
}

async function play(site: string, file: string, signal: AbortSignal): Promise<void> {
  const source = new URLSearchParams({ source: file });
  const opened = await fetch(`${site}/open?${source}`, { method: "POST", signal });
  const { id } = await opened.json();
  const query = new URLSearchParams({ id, from: "0", page: "soak" });
  await (await fetch(`${site}/audio?${query}`, { signal })).bytes();
}

/** What the page of a command needs: a port, and the site there. */
function site(): { port: number; host: string } {
  const port = freePort();
  return { port, host: `127.0.0.1:${port}` };
}

function pages(folder: string, camera: string): Readonly<Record<string, Pipeline>> {
  const [drift, player, video] = [site(), site(), site()];
  const song = `${folder}/song.ecdc`;
  return {
    "clip-drift with its page": {
      words: [
        "clip-drift",
        "-s",
        camera,
        "--model",
        "gist",
        "--runs",
        `${folder}/paged`,
        "--listen",
        drift.host,
      ],
      view: async (signal) => {
        await (await fetch(`http://${drift.host}/metrics`, { signal })).text();
        await watch(`ws://${drift.host}/live`, signal);
      },
    },
    "encodec-stream play": {
      words: ["encodec-stream", "play", song, "--port", `${player.port}`],
      view: (signal) => play(`http://${player.host}`, song, signal),
    },
    "video-vq page": {
      words: [
        "video-vq",
        "page",
        "--model",
        "vq-tiny",
        "--size",
        "32",
        "--fps",
        "8",
        "--port",
        `${video.port}`,
      ],
      view: async (signal) => {
        const feeds = ["copy", "source"].map((feed) => watch(`ws://${video.host}/${feed}`, signal));
        await Promise.all(feeds);
      },
    },
  };
}

function channels(): Readonly<Record<string, Pipeline>> {
  const [audio, video] = [freePort(), freePort()].map((port) => `tcp://127.0.0.1:${port}`) as [
    string,
    string,
  ];
  const raw = ["--raw-size", "32x32", "--size", "32", "--model", "vq-tiny", "--live", "--fps", "8"];
  return {
    "encodec-stream -e to a channel": {
      before: steady(2 * 2 * 48_000),
      words: ["encodec-stream", "-b", "3", "--model", "encodec_tiny_24khz", "-e", audio],
    },
    "encodec-stream -d of a channel": { words: ["encodec-stream", "-d", audio] },
    "video-vq encode": {
      before: steady(8 * 32 * 32 * 3),
      words: ["video-vq", "encode", ...raw, "-", video],
    },
    "video-vq decode": { words: ["video-vq", "decode", "--model", "vq-tiny", video, "-"] },
  };
}

/** The pipelines by their names; `folder` has a `song.ecdc`. */
export function pipelines(folder: string, camera: string): Readonly<Record<string, Pipeline>> {
  const out = ["--format", "none", "-o", folder];
  return {
    "clip-drift in a terminal": {
      words: [
        "clip-drift",
        "-s",
        camera,
        "--no-display",
        "--model",
        "gist",
        "--runs",
        `${folder}/runs`,
      ],
    },
    ...pages(folder, camera),
    ...channels(),
    "encodec-stream -e": {
      before: steady(2 * 2 * 48_000),
      words: ["encodec-stream", "-b", "3", "--model", "encodec_tiny_24khz", "-e", "-"],
    },
    "patch-stream of a camera": { words: ["patch-stream", ...out, camera] },
    "patch-stream of files": {
      words: [
        "patch-stream",
        ...out,
        "--sequence-length",
        "4",
        ...Array<string>(20_000).fill(CLIP),
      ],
    },
    "clip-drift batch": batchOf("clip-drift", folder, IMAGE, "--model", "gist"),
    "encodec-stream batch": batchOf(
      ...["encodec-stream", folder, SPEECH, "--model", "encodec_tiny_24khz", "-b", "3"] as const,
    ),
    "video-vq batch": batchOf(
      ...["video-vq", folder, CLIP, "--model", "vq-tiny", "--size", "32"] as const,
    ),
    "patch-stream batch": batchOf("patch-stream", folder, CLIP),
  };
}

/** Words that make what {@linkcode pipelines} play. */
export function songWords(folder: string): Pipeline["words"] {
  const model = ["-b", "3", "--model", "encodec_tiny_24khz", "--input", SPEECH] as const;
  return ["encodec-stream", ...model, "-e", `${folder}/song.ecdc`];
}
