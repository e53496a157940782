import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { withFolder } from "../testdata/adding.ts";
import { fileIdentity } from "./identity.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A time at which no file is new. */
const later = () => Date.now() + 60_000;

Deno.test("a file's identity is that of its content, whatever its size and times say", () =>
  withFolder(async (folder) => {
    const [path, cache] = [`${folder}/weights`, `${folder}/cache`];
    await Deno.writeTextFile(path, "one");
    await Deno.utime(path, 1, 1);
    assert.equal(await fileIdentity(path, cache, later()), sha256("one"));
    await Deno.writeTextFile(`${folder}/other`, "two");
    await Deno.utime(`${folder}/other`, 1, 1);
    await Deno.rename(`${folder}/other`, path);
    assert.equal(await fileIdentity(path, cache, later()), sha256("two"));
    await Deno.symlink(path, `${folder}/link`);
    assert.equal(await fileIdentity(`${folder}/link`, cache, later()), sha256("two"));
    await assert.rejects(fileIdentity(`${folder}/none`, cache), Deno.errors.NotFound);
  }));

Deno.test("a file is read once per change, and each time while it is new", () =>
  withFolder(async (folder) => {
    const [path, cache] = [`${folder}/weights`, `${folder}/cache`];
    await Deno.writeTextFile(path, "one");
    assert.equal(await fileIdentity(path, cache), sha256("one"));
    await assert.rejects(Deno.stat(cache), Deno.errors.NotFound);
    await fileIdentity(path, cache, later());
    const [{ name }] = await Array.fromAsync(Deno.readDir(cache)) as [Deno.DirEntry];
    const [stamp] = (await Deno.readTextFile(`${cache}/${name}`)).split("\n");
    await Deno.writeTextFile(`${cache}/${name}`, `${stamp}\nnoted`);
    assert.equal(await fileIdentity(path, cache, later()), "noted");
    assert.equal(await fileIdentity(path, cache), sha256("one"));
    await Deno.writeTextFile(path, "three");
    assert.equal(await fileIdentity(path, cache, later()), sha256("three"));
  }));

Deno.test("where nothing can be noted, a file is read each time", () =>
  withFolder(async (folder) => {
    const path = `${folder}/weights`;
    await Deno.writeTextFile(path, "one");
    assert.equal(await fileIdentity(path, path, later()), sha256("one"));
  }));
