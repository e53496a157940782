/**
 * `--allow-class` of every command that reads a checkpoint: a file names two classes that are not on
 * the list, and where one is allowed the refusal names the other alone.
 */
import { EcdcWriter } from "@vcs/encodec-stream/ecdc";
import { encodeWav } from "@vcs/media/wav";
import { type Command, freePort } from "@vcs/transport/internal";
import assert from "node:assert/strict";
import { clipDrift } from "../packages/clip-drift/command/command.ts";
import { encodecStream } from "../packages/encodec-stream/command/command.ts";
import {
  checkpointFile,
  op,
  rebuilt,
  storage,
} from "../packages/onnx/testdata/checkpoint_cases.ts";
import { together } from "../packages/together/command/command.ts";
import { videoVq } from "../packages/video-vq/command/command.ts";

const COMMANDS: readonly Command[] = [encodecStream, videoVq, clipDrift, together];

/** Command lines of each command that has the option; `FOLDER` has what they name. */
const LINES: Readonly<Record<string, readonly string[]>> = {
  "encodec-stream doctor": ["doctor FOLDER/run.pt"],
  "encodec-stream encode": ["--weights FOLDER/run.pt --input FOLDER/a.wav -e FOLDER/b.ecdc"],
  "encodec-stream decode": ["--weights FOLDER/run.pt -d FOLDER/a.ecdc -o FOLDER/b.wav"],
  "encodec-stream batch": ["batch --weights FOLDER/run.pt FOLDER/a.wav -o FOLDER/batch"],
  "video-vq doctor": ["doctor FOLDER/run.pt"],
  "video-vq export": ["export FOLDER/run.pt -o FOLDER/onnx"],
  "video-vq encode": ["encode --weights FOLDER/run.pt FOLDER/a.rgb tcp://127.0.0.1:9"],
  "video-vq decode": ["decode --weights FOLDER/run.pt tcp://127.0.0.1:0 FOLDER/b.rgb"],
  "video-vq roundtrip": ["roundtrip --weights FOLDER/run.pt FOLDER/a.rgb FOLDER/b.rgb"],
  "video-vq batch": ["batch --weights FOLDER/run.pt FOLDER/a.rgb -o FOLDER/batch"],
  "video-vq page": [
    "page --weights FOLDER/run.pt --port 0",
    "page --weights FOLDER/run.pt --port 0 --to tcp://127.0.0.1:9",
  ],
  "clip-drift": ["--model ViT-B-32 --weights FOLDER/run.pt -s http://127.0.0.1:9/ --runs FOLDER"],
  "clip-drift search": ["search FOLDER --like a.jpg --model ViT-B-32 --weights FOLDER/run.pt"],
  "clip-drift doctor": ["doctor FOLDER/run.pt"],
  "clip-drift export": ["export FOLDER/run.pt -o FOLDER/onnx"],
  "clip-drift batch": [
    "batch --model ViT-B-32 --weights FOLDER/run.pt FOLDER/a.jpg -o FOLDER/batch",
  ],
  "together embed-patches": ["embed-patches --model FOLDER/run.pt FOLDER/a.mp4"],
};

const context = { signal: new AbortController().signal, env: () => undefined, note: () => {} };

/** A checkpoint of one tensor beside which two objects lie. */
async function checkpointOfTwo(): Promise<Uint8Array> {
  const state = (name: string) => op.reduce(op.global("my.pkg", name), op.text("x"));
  const weight = rebuilt(storage("FloatStorage", "0", 2), 0, [2], [1]);
  const tree = op.dict(op.text("a"), state("A"), op.text("b"), state("B"), op.text("w"), weight);
  return await checkpointFile(tree, { "data/0": new Uint8Array(8) });
}

async function coded(): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const sink = { write: (bytes: Uint8Array) => Promise.resolve(void parts.push(bytes.slice())) };
  const header = { model: "encodec_24khz", codebooks: 2, samples: 640 } as const;
  const writer = new EcdcWriter(sink, header);
  await writer.write({ codes: Uint16Array.of(1, 2, 3, 4) });
  await writer.close(640);
  return await new Blob(parts).bytes();
}

async function withFiles(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/run.pt`, await checkpointOfTwo());
    const sound = encodeWav([new Float32Array(9)], { sampleRate: 48_000 });
    await Deno.writeFile(`${folder}/a.wav`, sound);
    await Deno.writeFile(`${folder}/a.rgb`, new Uint8Array(9));
    await Deno.writeFile(`${folder}/a.ecdc`, await coded());
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const REFUSAL = /it names my\.pkg\.B, which is not on the list/;

for (const [path, lines] of Object.entries(LINES)) {
  Deno.test(`--allow-class reaches the reader: ${path}`, () =>
    withFiles(async (folder) => {
      const command = COMMANDS.find(({ name }) => name === path.split(" ")[0])!;
      for (const line of lines) {
        const words = line.replaceAll("FOLDER", folder).split(" ");
        const args = [...words, "--allow-class", "my.pkg.A"];
        await assert.rejects(command.invoke(args, context), { message: REFUSAL });
      }
    }));
}

Deno.test("--allow-class reaches the reader: encodec-stream play", () =>
  withFiles(async (folder) => {
    const stop = new AbortController();
    const port = freePort();
    const words = `play --weights ${folder}/run.pt --port ${port} --allow-class my.pkg.A`;
    const { signal } = stop;
    const playing = encodecStream.invoke(words.split(" "), { ...context, signal });
    const ended = assert.rejects(playing, { name: "AbortError" });
    const site = `http://127.0.0.1:${port}`;
    const body = await Deno.readFile(`${folder}/a.ecdc`);
    const open = () => fetch(`${site}/open`, { method: "POST", body });
    let opened: Response | undefined;
    while (!opened) opened = await open().catch(() => undefined);
    const { id } = await opened.json();
    const heard = await fetch(`${site}/audio?id=${id}`);
    assert.match(await heard.text(), REFUSAL);
    stop.abort();
    await ended;
  }));

/** Every command below one that has the option, by the words that choose it. */
function withOption(command: Command, path: string): string[] {
  const here = "allowClass" in command.options && command.runs ? [path] : [];
  return [...here, ...command.commands.flatMap((sub) => withOption(sub, `${path} ${sub.name}`))];
}

Deno.test("every command with --allow-class is tried", () => {
  const all = COMMANDS.flatMap((command) => withOption(command, command.name));
  const tried = [...Object.keys(LINES), "encodec-stream play"];
  assert.deepEqual(all.toSorted(), tried.toSorted());
});
