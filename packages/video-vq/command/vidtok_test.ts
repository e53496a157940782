import { encodePng } from "@vcs/media/image";
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { unpackVidtok, vidtokCase } from "../testing/vidtok.ts";
import { videoVq } from "./command.ts";

Deno.test("--model vidtok-fsq: what comes out are the frames that the authors' code makes", async () => {
  const folder = await Deno.makeTempDir();
  const context = {
    signal: new AbortController().signal,
    env: (name: string) => name === "VCS_CACHE" ? `${folder}/cache` : Deno.env.get(name),
  };
  try {
    await unpackVidtok(`${folder}/vidtok.ckpt`);
    const { clip, reconstruction } = vidtokCase("17x24x16");
    const { width, height, frameCount } = clip;
    await Deno.mkdir(`${folder}/clip`);
    for (let i = 0; i < frameCount; i++) {
      const data = clip.data.slice(i * width * height * 3, (i + 1) * width * height * 3);
      const name = String(i).padStart(2, "0");
      await Deno.writeFile(`${folder}/clip/${name}.png`, await encodePng({ width, height, data }));
    }
    const channel = `${pathToFileURL(folder)}/windows/`;
    const model = [
      "--model",
      "vidtok-fsq",
      "--weights",
      `${folder}/vidtok.ckpt`,
      "--device",
      "cpu",
    ];
    const frames = ["--size", "16x24", "--fps", "8"];
    const run = async (...args: string[]) => assert.equal(await videoVq.invoke(args, context), 0);
    await run("encode", ...model, ...frames, `${folder}/clip`, channel);
    await run("decode", ...model, channel, `${folder}/out.rgb`);

    const out = await Deno.readFile(`${folder}/out.rgb`);
    assert.equal(out.length, clip.data.length);
    const plane = out.length / 3;
    const apart = out.map((value, i) => {
      const wanted = (reconstruction.data[(i % 3) * plane + Math.floor(i / 3)]! + 1) * 127.5;
      return Math.abs(value - Math.min(255, Math.max(0, wanted)));
    });
    assert(apart.every((difference) => difference <= 1));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
