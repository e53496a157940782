/**
 * The section "Install" of each package's README, which is the same but for names, sizes and what a
 * shell needs. `UPDATE_README=1 deno task test testing/install_test.ts` writes it.
 *
 * @module
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { filesBelow, MAY_IMPORT, ROOT } from "./house.ts";
import { PARTS, partSize } from "./part_sizes.ts";

/** The oldest Deno that runs everything, FFmpeg from npm being what 2.8 cannot load; a test runs it. */
export const MINIMUM_DENO = "2.9.0";

/** Packages that are commands, and lines of theirs for PowerShell. */
export const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "transport": [
    "transport receive tcp://127.0.0.1:7000",
    "transport send tcp://127.0.0.1:7000 --count 100",
  ],
  "onnx": [
    "onnx doctor",
    '$env:VCS_ONNXRUNTIME = "C:\\onnxruntime\\lib\\onnxruntime.dll"   # a build of your own',
  ],
  "encodec-stream": [
    "encodec-stream -d --format wav -o song.wav song.ecdc; Start-Process song.wav",
    "encodec-stream -b 6 --input song.flac -e song.ecdc",
  ],
  "video-vq": [
    "video-vq roundtrip clip.mp4 copy.mp4",
    "video-vq page",
  ],
  "patch-stream": [
    "patch-stream --view video.mp4; Start-Process video.html",
  ],
  "clip-drift": [
    "clip-drift -s http://192.168.1.100:8000/stream.mjpg",
    "clip-drift -s clip.mp4 --exec 'powershell -File notify.ps1'",
  ],
  "together": [
    "together decode tcp://0.0.0.0:7000 -o copy.mp4",
    "together encode film.mp4 tcp://watcher:7000",
  ],
};

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Bytes of the code that a package brings, with that of the packages it may import. */
async function codeBytes(name: string): Promise<number> {
  const paths = await Promise.all(
    [name, ...MAY_IMPORT[name]!].map((other) => filesBelow(`packages/${other}`)),
  );
  const code = paths.flat().filter((path) =>
    /\.(ts|json)$/.test(path) && !/_test\.ts$|\/(testing|testdata)\//.test(path)
  );
  const sizes = await Promise.all(code.map(async (path) => (await stat(join(ROOT, path))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Bytes of the weights that are bundled with a package, and with those that it may import. */
async function weightBytes(name: string): Promise<number> {
  const all = await Promise.all(
    [name, ...MAY_IMPORT[name]!].map((other) => filesBelow(`packages/${other}`)),
  );
  const paths = all.flat().filter((path) => path.includes("/weights/"));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(join(ROOT, path))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What is fetched at first use, each with its size. */
async function fetched(name: string): Promise<string[]> {
  const parts = PARTS[name]!.map((part) =>
    `${part.name}, ${megabytes(partSize(part))} (${part.about})`
  );
  const weights = await weightBytes(name);
  const whose = name === "together" ? "the small models'" : "the small model's";
  return weights > 0 ? [...parts, `${whose} weights, ${megabytes(weights)}`] : parts;
}

function lines(name: string): string[] {
  const add = `deno add jsr:@vcs/${name}`;
  if (!(name in COMMANDS)) return [`${add}   # as a library`];
  const rows = [
    [`deno x -A jsr:@vcs/${name} --help`, "run it once"],
    [`deno install -g -A jsr:@vcs/${name}`, `or install it as \`${name}\``],
    [add, "or use it as a library"],
    [`${name} setup`, "fetch all that it can need: no network afterwards"],
  ] as const;
  const width = Math.max(...rows.map(([line]) => line.length));
  return rows.map(([line, about]) => `${line.padEnd(width)}   # ${about}`);
}

function powershell(name: string): string[] {
  const own = COMMANDS[name];
  if (own === undefined) return [];
  const text = `The same lines work in PowerShell. It has no \`<\`, and its pipes change bytes \
before version 7.4: name files there.`;
  return [text, "", "```powershell", ...own, "```", ""];
}

/** What was measured of the programs that are one file. */
interface ProgramRecord {
  readonly name: string;
  readonly bytes: number;
  readonly embedded: number;
  readonly coldSeconds: number;
  readonly warmSeconds: number;
  readonly denoSeconds: number;
}

/** How a command is had as one file: `bench/single_file.ts` records what that costs. */
async function oneFile(name: string): Promise<string[]> {
  const text = await readFile(join(ROOT, "bench/results/single_file.json"), "utf8");
  const { programs }: { programs: ProgramRecord[] } = JSON.parse(text);
  const own = programs.find((program) => program.name === name);
  if (own === undefined) return [];
  const milliseconds = (seconds: number) => `${Math.round(1000 * seconds)} ms`;
  const about = `As one file with all that it needs, for machines without Deno and without a \
network: ${megabytes(own.bytes)} on Linux x64, which needs \`sh\`, \`tail\`, \`tar\` and \`gzip\`, \
unpacks itself at the first start (${own.coldSeconds.toFixed(1)} s) and then starts in \
${milliseconds(own.warmSeconds)} (\`--version\`; run by Deno, ${milliseconds(own.denoSeconds)}). \
Video is read by the system's \`ffmpeg\`, if there is one. \`deno task compile ${name}\` makes a \
program by \`deno compile\`, for other systems, too: ${
    megabytes(own.embedded)
  } and Deno's runtime.`;
  return [
    about,
    "",
    "```sh",
    `npx -y deno@2.9.6 task single-file ${name}   # in a clone; a release has the file`,
    `mv dist/${name}-linux-x86_64 ${name}         # anywhere`,
    `./${name} --help`,
    "```",
    "",
  ];
}

/** The section of a package. */
export async function installSection(name: string): Promise<string> {
  const comes = await fetched(name);
  const first = comes.length > 0
    ? `Fetched at first use, once, on Linux x64: ${comes.join("; ")}.`
    : "Nothing else is fetched.";
  // To a whole MB, which few changes of the code move.
  const code = `${Math.ceil(await codeBytes(name) / 1e6)} MB`;
  return [
    "```sh",
    ...lines(name),
    "```",
    "",
    `Deno ${MINIMUM_DENO} or later (\`npm install -g deno\`). ${code} of code at most. ${first}`,
    "",
    ...await oneFile(name),
    ...powershell(name),
    "All tests run on Linux x64. Linux arm64, macOS and Windows are written for, and untried.",
  ].join("\n");
}
