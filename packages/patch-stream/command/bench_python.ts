/**
 * Times what decodes videos in Python, where a Python has it: decord and torchcodec.
 *
 * @module
 */
import { onAbort } from "@vcs/transport/internal";

/** Decoders of Python that can be timed. */
export const PYTHON_DECODERS = ["decord", "torchcodec"] as const;

/** Times of one video, or why there are none. */
export interface PythonTimes {
  /** Path. */
  readonly video: string;
  /** Seconds of each run; none where it failed. */
  readonly seconds: readonly number[];
  /** Why it failed. */
  readonly error?: string;
}

/** Opens each video and decodes frames of it, sampled uniformly; a line of JSON for each. */
const SCRIPT = `
import json, sys, time
name, count, warmup, runs = sys.argv[1], *map(int, sys.argv[2:5])
if name == "decord":
    import decord
else:
    from torchcodec.decoders import VideoDecoder

def ids(total):
    return [i * (total - 1) // max(1, count - 1) for i in range(count)]

def decode(path):
    if name == "decord":
        reader = decord.VideoReader(path)
        return reader.get_batch(ids(len(reader))).asnumpy()
    decoder = VideoDecoder(path)
    return decoder.get_frames_at(ids(len(decoder))).data

for path in sys.argv[5:]:
    line = {"video": path, "seconds": []}
    try:
        for n in range(-warmup, runs):
            start = time.perf_counter()
            decode(path)
            if n >= 0:
                line["seconds"].append(time.perf_counter() - start)
    except Exception as error:
        line = {"video": path, "seconds": [], "error": str(error)}
    print(json.dumps(line), flush=True)
`;

/**
 * Times a decoder on videos; undefined where no Python has it. The Python is that which
 * `VCS_PYTHON` names, else `python3` on PATH.
 *
 * @param count frames that are sampled of each
 */
export async function timePython(
  name: typeof PYTHON_DECODERS[number],
  videos: readonly string[],
  { count, warmup, runs }: {
    readonly count: number;
    readonly warmup: number;
    readonly runs: number;
  },
  signal: AbortSignal,
): Promise<PythonTimes[] | undefined> {
  const settings = [count, warmup, runs].map(String);
  const args = ["-c", SCRIPT, name, ...settings, ...videos];
  const output = await outputOf(Deno.env.get("VCS_PYTHON") ?? "python3", args, signal);
  signal.throwIfAborted();
  if (!output?.success) return undefined;
  const lines = new TextDecoder().decode(output.stdout).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as PythonTimes);
}

/** What a program says; undefined where there is no such program. */
async function outputOf(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Deno.CommandOutput | undefined> {
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  try {
    const child = new Deno.Command(program, { args: [...args], ...pipes }).spawn();
    using _ = onAbort(signal, () => child.kill());
    return await child.output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
