import assert from "node:assert/strict";
import { join } from "node:path";
import { isIncluded, listItems } from "./items.ts";

const INCLUDE = ["*.{wav,mp3}"];

function stdin(text: string): ReadableStream<Uint8Array> {
  // In pieces of 7 bytes: lines and letters are cut anywhere.
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => {
    return bytes.slice(7 * i, 7 * i + 7);
  });
  return ReadableStream.from(pieces);
}

async function listed(text: string): Promise<unknown[]> {
  return await Array.fromAsync(listItems(["-"], { include: INCLUDE, stdin: stdin(text) }));
}

Deno.test("folders are read in the order of names, with what is below them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const path of ["b/1.wav", "b/A.MP3", "a.wav", "c.txt", "b/d/x.wav", "z.wav"]) {
      await Deno.mkdir(join(folder, path, ".."), { recursive: true });
      await Deno.writeTextFile(join(folder, path), "");
    }
    const inputs = [folder, join(folder, "c.txt")];
    const items = await Array.fromAsync(listItems(inputs, { include: INCLUDE }));
    assert.deepEqual(items.map(({ key }) => key), [
      ...["a.wav", "b/1.wav", "b/A.MP3", "b/d/x.wav", "z.wav", "c.txt"],
    ]);
    assert.equal(items[3]!.source, join(folder, "b/d/x.wav"));
    await assert.rejects(Array.fromAsync(listItems([join(folder, "none")], { include: [] })), {
      name: "UsageError",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a pattern is of a name, or with a slash of a path", () => {
  assert.equal(isIncluded("a/b.mp4", ["*.mp4"]), true);
  assert.equal(isIncluded("a/b.mp4", ["b/*.mp4"]), false);
  assert.equal(isIncluded("a/b.mp4", ["*.mkv", "a/*.mp4"]), true);
  assert.equal(isIncluded("x/a/b.mp4", ["**/a/*"]), true);
});

Deno.test("a list has paths, URLs and objects", async () => {
  const text = [
    "songs/one.wav\r",
    "",
    "../up/./höch.wav",
    "https://user@host:8000/films/caf%C3%A9.mp4?token=secret",
    '{"source": "x.wav", "key": "mine", "from": 1.5, "to": 3}',
    '{"source": "/x/y.wav"}',
  ].join("\n");
  assert.deepEqual(await listed(text), [
    { key: "songs/one.wav", source: "songs/one.wav" },
    { key: "up/höch.wav", source: "../up/./höch.wav" },
    {
      key: "host_8000/films/café.mp4",
      source: "https://user@host:8000/films/caf%C3%A9.mp4?token=secret",
    },
    { key: "mine", source: "x.wav", from: 1.5, to: 3 },
    { key: "x/y.wav", source: "/x/y.wav" },
  ]);
});

Deno.test("a line that is none is named", async () => {
  const message = async (line: string) => {
    const error = await listed(`good.wav\n${line}`).catch((error) => error);
    assert.equal(error.name, "UsageError");
    return error.message.replace(/, expected a path.*/, "");
  };
  const at = "Cannot read line 2 of standard input";
  assert.equal(await message("{broken"), `${at}: found no JSON`);
  assert.equal(await message('{"key": "a"}'), `${at}: found no source`);
  const noHost = `${at}: found a URL without a host, expected one with it`;
  assert.equal(await message("http://:secret@"), noHost);
  assert.equal(await message('{"source": "http://:1@"}'), noHost);
  assert.equal(await message('{"source": "a", "from": -1}'), `${at}: found -1 seconds`);
  assert.equal(await message('{"source": "a", "key": 1}'), `${at}: the key is not a text`);
  assert.equal(
    await message('{"source": "a", "key": "../a"}'),
    `${at}: the key "../a": a segment is . or ..`,
  );
  assert.equal(
    await message(`{"source": "a", "key": "${"é".repeat(101)}"}`),
    `${at}: the key "${"é".repeat(60)}"…: a segment has more than 200 bytes`,
  );
});
