/** Files in `testdata/torch_windows` are PyTorch's own, made by `make_torch_windows.py` beside them. */
import { systemClock } from "@vcs/transport";
import { openSender } from "@vcs/transport/channel";
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { findPython } from "#testing/python.ts";
import { whereThere } from "#testing/shared.ts";
import { VideoReceiver } from "../receive.ts";
import { VideoSender } from "../send.ts";
import { FakeCodec, numberedFrames, numberOf, SIZE } from "../testing/fakes.ts";
import { openTorchFolder } from "./torch_folder.ts";
import type { Tokens } from "../stream/tokens.ts";

/** Keeps the tokens that it is given. */
class Keeping extends FakeCodec {
  readonly tokens: Tokens[] = [];

  override async decode(tokens: Tokens) {
    this.tokens.push(tokens);
    return await super.decode(tokens);
  }
}

/** The tokens of a folder's windows, and how many were damaged. */
async function tokensOf(folder: URL) {
  const codec = new Keeping(systemClock);
  const url = new URL("?format=pt", folder);
  await using channel = await openTorchFolder(url);
  const receiver = new VideoReceiver(channel, codec);
  const frames = await Array.fromAsync(receiver.frames());
  return { tokens: codec.tokens, frames: frames.length, damaged: receiver.statistics.damaged };
}

const ptUrl = (path: string) => new URL("?format=pt", pathToFileURL(path));

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

const FILES = new URL("../testdata/torch_windows/", import.meta.url);

async function withFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("torch folder: quant and indices in every form are the same tokens", async () => {
  const { tokens, frames, damaged } = await tokensOf(FILES);
  assert.deepEqual([tokens.length, frames, damaged], [5, 85, 0]);
  const [first] = tokens;
  assert.deepEqual(first!.shape, { channels: 18, frames: 5, height: 2, width: 2 });
  assert(new Set(first!.packed).size > 20, "the tokens are random");
  for (const other of tokens) assert.deepEqual(other, first);
});

Deno.test("torch folder: a damaged file is a damaged window, a folder without windows an error", async () => {
  await withFolder(async (folder) => {
    const url = pathToFileURL(`${folder}/`);
    await assert.rejects(openTorchFolder(new URL("?format=pt", url)), { code: "bad-source" });
    for (const name of ["window_000.pt", "window_001.pt", "window_002.pt"]) {
      await Deno.copyFile(new URL(name, FILES), `${folder}/${name}`);
    }
    await Deno.truncate(`${folder}/window_001.pt`, 300);
    const { tokens, damaged } = await tokensOf(url);
    assert.deepEqual([tokens.length, damaged], [2, 1]);
  });
});

const python = findPython("torch");

Deno.test({
  ...whereThere("torch folder: PyTorch reads the windows of a sender, and its own are decoded", {
    PyTorch: python !== undefined,
  }),
  async fn() {
    await withFolder(async (folder) => {
      const codec = new FakeCodec(systemClock);
      {
        await using sender = await openSender(ptUrl(`${folder}/encoded/`));
        const options = { ...SIZE, frameRate: [24, 1], payload: "quant" } as const;
        await new VideoSender(codec, sender, options).run(numberedFrames(40));
      }
      await Deno.mkdir(`${folder}/again`);
      const code = `
import glob, sys, torch
for number, path in enumerate(sorted(glob.glob(sys.argv[1] + "/encoded/*.pt"))):
    torch.save({"quant": torch.load(path)}, f"{sys.argv[1]}/again/window_{number:03}.pt")
`;
      const args = ["-c", code, folder];
      const { success } = await new Deno.Command(python!, { args }).output();
      assert(success, "PyTorch could not read or write the windows");
      await using channel = await openTorchFolder(ptUrl(`${folder}/again/`));
      const frames = await Array.fromAsync(new VideoReceiver(channel, codec).frames());
      assert.deepEqual(frames.map(({ data }) => numberOf(data)).slice(0, 40), upTo(40));
      assert(Math.abs(frames[39]!.pts - 39 / 24) < 1e-9, "windows follow each other in time");
    });
  },
});
