/**
 * How torchcodec reads the clips, where a Python has it: what it reads otherwise than the ffmpeg
 * program, too, is hard for every reader.
 *
 * @module
 */
import { findPython } from "#testing/python.ts";
import { compareTimes, type Difference, isRight } from "./differences.ts";
import { framesOf, type Truth } from "./truth.ts";

/** Reads the files that lines of its input name: pixels go to a file beside, the rest is JSON. */
const SCRIPT = `
import json, random, sys
from torchcodec.decoders import VideoDecoder

def read(path):
    decoder = VideoDecoder(path, dimension_order="NHWC")
    frames = [decoder.get_frame_at(i) for i in range(len(decoder))]
    chance = random.Random(len(frames))
    ids = [chance.randrange(len(frames)) for _ in range(6)]
    seeking = VideoDecoder(path, dimension_order="NHWC").get_frames_at(ids).data
    astray = [i for i, data in zip(ids, seeking) if not data.equal(frames[i].data)]
    with open(path + ".rgb", "wb") as file:
        for frame in frames:
            file.write(frame.data.numpy().tobytes())
    times = [frame.pts_seconds for frame in frames]
    return {"times": times, "bytes": frames[0].data.numel(), "astray": astray}

for line in sys.stdin:
    try:
        answer = read(line.rstrip("\\n"))
    except Exception as error:
        answer = {"refused": str(error).split("\\n")[0] or type(error).__name__}
    print(json.dumps(answer), flush=True)
`;

/** Times of a file's frames, the bytes of each, and those that a seek gave otherwise. */
interface Read {
  readonly times: readonly number[];
  readonly bytes: number;
  readonly astray: readonly number[];
}

/** What it says of a file. */
type Answer = { readonly refused: string } | Read;

/** Lines that a process writes. */
async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** A Python with torchcodec, which reads one file after the other. */
class Peer {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;

  constructor(python: string) {
    const pipes = { stdin: "piped", stdout: "piped", stderr: "null" } as const;
    this.#process = new Deno.Command(python, { args: ["-c", SCRIPT], ...pipes }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#lines = linesOf(this.#process.stdout);
  }

  /** What it says of a file; undefined where it ended over it. */
  async ask(path: string): Promise<Answer | undefined> {
    await this.#input.write(new TextEncoder().encode(`${path}\n`)).catch(() => undefined);
    const { done, value } = await this.#lines.next();
    return done ? undefined : JSON.parse(value);
  }

  async end(): Promise<void> {
    await this.#input.close().catch(() => undefined);
    await this.#process.status;
    await this.#lines.return(undefined);
  }
}

/** Compares torchcodec with the ffmpeg program. */
export class TorchCodec implements AsyncDisposable {
  readonly #python: string;
  #peer: Peer;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(python: string) {
    this.#python = python;
    this.#peer = new Peer(python);
  }

  /** Starts it; undefined where no Python has it. */
  static start(): TorchCodec | undefined {
    const python = findPython("torchcodec", "numpy");
    return python === undefined ? undefined : new TorchCodec(python);
  }

  /** How it differs from ffmpeg on a file. */
  async differencesOf(path: string, truth: Truth): Promise<Difference[]> {
    const asked = this.#turn.then(() => this.#ask(path));
    this.#turn = asked.catch(() => undefined);
    const answer = await asked;
    const sound = truth.complaints.length === 0;
    if ("refused" in answer) return sound ? [{ kind: "refused", found: answer.refused }] : [];
    return await compareAnswer(path, answer, truth, sound);
  }

  async #ask(path: string): Promise<Answer> {
    const answer = await this.#peer.ask(path);
    if (answer !== undefined) return answer;
    await this.#peer.end();
    this.#peer = new Peer(this.#python);
    return { refused: "the process ended" };
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#peer.end();
  }
}

async function compareAnswer(
  path: string,
  { times, bytes, astray }: Read,
  truth: Truth,
  sound: boolean,
): Promise<Difference[]> {
  if (!sound && times.length !== truth.hashes.length) return [];
  // Its times are the file's own; those of ffmpeg count from the container's start.
  const shift = (truth.pts[0] ?? 0) - (times[0] ?? 0);
  const index = times.map((time) => ({ pts: time + shift }));
  const frames = framesOf(await Deno.readFile(`${path}.rgb`), bytes);
  const wrong = frames.findIndex((data, index) => !isRight({ index, data }, truth, "rgb"));
  const another = (id: number) => `rgb: frame ${id} is another one`;
  return [
    ...(sound ? compareTimes(index, truth) : []),
    ...(wrong < 0 ? [] : [{ kind: "rgb", found: another(wrong) } as const]),
    ...astray.slice(0, 1).map((id) => ({ kind: "random", found: another(id) } as const)),
  ];
}
