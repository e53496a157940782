import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { OutputFile, refuseSameFile, writeWhole } from "./output_file.ts";

async function scratch() {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/song`, "kept");
  return {
    song: `${folder}/song`,
    names: async () => (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(),
    folder,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("an output that is the input is refused, also through links", async () => {
  await using place = await scratch();
  const { folder, song } = place;
  await Deno.symlink(song, `${folder}/soft`);
  await Deno.link(song, `${folder}/hard`);
  for (const name of ["song", "soft", "hard", "../" + folder.split("/").at(-1) + "/song"]) {
    for (const input of [song, pathToFileURL(song).href]) {
      await assert.rejects(OutputFile.open(`${folder}/${name}`, { inputs: ["x", input] }), {
        name: "UsageError",
        message: /it is what is read/,
      });
    }
  }
  await assert.rejects(writeWhole(`${folder}/soft`, "new", { inputs: [song] }), /is read/);
  await refuseSameFile(`${folder}/other`, [song, "https://example.com/song"]);
  await refuseSameFile("-", [song]);
  assert.equal(await Deno.readTextFile(song), "kept");
});

Deno.test("standard output that was redirected to an input is refused, to another file not", async () => {
  await using place = await scratch();
  const { folder, song } = place;
  const from = import.meta.resolve("./output_file.ts");
  const program = `import { refuseSameFile } from "${from}";
    await refuseSameFile("-", [${JSON.stringify(song)}]);`;
  const appending = (path: string) =>
    new Deno.Command("sh", {
      args: ["-c", '"$@" >> "$0"', path, Deno.execPath(), "eval", program],
      stdout: "null",
    }).output();
  const refused = await appending(song);
  assert.equal(refused.code, 1);
  assert.match(new TextDecoder().decode(refused.stderr), /standard output: it is what is read/);
  assert.equal((await appending(`${folder}/other`)).code, 0);
  assert.equal(await Deno.readTextFile(song), "kept");
});

Deno.test("a file takes its place when it is whole, and not before", async () => {
  await using place = await scratch();
  const { folder, song, names } = place;
  await Deno.symlink(song, `${folder}/soft`);
  await Deno.chmod(song, 0o640);
  {
    await using output = await OutputFile.open(song);
    await Deno.writeTextFile(output.part, "half");
    assert.equal(await Deno.readTextFile(song), "kept");
  }
  assert.deepEqual(await names(), ["soft", "song"]);
  await writeWhole(`${folder}/soft`, "whole");
  assert.equal(await Deno.readTextFile(song), "whole");
  assert.ok((await Deno.lstat(`${folder}/soft`)).isSymlink);
  assert.equal((await Deno.stat(song)).mode! & 0o777, 0o640);
  assert.deepEqual(await names(), ["soft", "song"]);
});

Deno.test("the part of a live source stays, and no other takes its name", async () => {
  await using place = await scratch();
  const { song, names } = place;
  {
    await using output = await OutputFile.open(song, { live: true });
    await Deno.writeTextFile(output.part, "so far");
  }
  assert.deepEqual(await names(), ["song", "song.part"]);
  await assert.rejects(
    OutputFile.open(song, { live: true }),
    /found .*song\.part, expected no unf/,
  );
  await writeWhole(song, "from a file");
  assert.deepEqual(await names(), ["song", "song.part"]);
});

Deno.test("what came before a failure can be kept", async () => {
  await using place = await scratch();
  const { song, names } = place;
  {
    await using output = await OutputFile.open(song);
    await output.keepPart();
  }
  assert.deepEqual(await names(), ["song"]);
  {
    await using output = await OutputFile.open(song);
    await Deno.writeTextFile(output.part, "before");
    await output.keepPart();
  }
  assert.match((await names()).join(), /^song,song\.[0-9a-f]{8}\.part$/);
  assert.equal(await Deno.readTextFile(song), "kept");
});

Deno.test("devices and standard output are written directly", async () => {
  for (const path of ["-", "/dev/null"]) {
    await using output = await OutputFile.open(path);
    assert.equal(output.part, path);
    await output.commit();
  }
});

Deno.test("a live part from before stays, unless all that it holds comes again", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/a.rgb`;
  await Deno.writeTextFile(`${path}.part`, "before");
  await assert.rejects(OutputFile.open(path, { live: true }), {
    name: "UsageError",
    message: /expected no unfinished file/,
  });
  await using output = await OutputFile.open(path, { live: true, comesAgain: true });
  assert.equal(output.part, `${path}.part`);
  await Deno.writeTextFile(output.part, "again");
  await output.commit();
  assert.equal(await Deno.readTextFile(path), "again");
  await Deno.remove(folder, { recursive: true });
});
