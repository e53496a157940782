import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesBelow, PACKAGES, readText, ROOT } from "./house.ts";

/** Targets of the links and pictures of a document, but for those into itself. */
function linksOf(text: string): string[] {
  const prose = text.replace(/^```.*?^```$/gms, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
    .filter((target) => !target.startsWith("#"));
}

const relativeLinks = (text: string) => linksOf(text).filter((link) => !/^[a-z]+:/.test(link));

/** Files of a package that the registry has: all but what its `deno.json` leaves out. */
async function publishedFiles(name: string): Promise<Set<string>> {
  const { publish } = JSON.parse(await readText(`packages/${name}/deno.json`)) as {
    publish: { exclude: string[] };
  };
  const patterns = publish.exclude.map((pattern) =>
    new RegExp(`(^|/)${pattern.replace("**/", "").replaceAll(".", "\\.").replace("*", "[^/]*")}`)
  );
  const files = await filesBelow(`packages/${name}`);
  return new Set(
    files.map((path) => path.slice(`packages/${name}/`.length))
      .filter((path) => !patterns.some((pattern) => pattern.test(path))),
  );
}

Deno.test("links between files of the repository lead to files that exist", async () => {
  const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
  for (const path of [...documents, ...PACKAGES.map((name) => `packages/${name}/README.md`)]) {
    const broken = relativeLinks(await readText(path))
      .filter((target) => !existsSync(join(ROOT, dirname(path), target.replace(/#.*/, ""))));
    assert.deepEqual(broken, [], path);
  }
});

for (const name of PACKAGES) {
  Deno.test(`${name}: read on the registry's site, no link of the README is dead`, async () => {
    const published = await publishedFiles(name);
    assert.ok(published.has("mod.ts") && published.has("LICENSE"));
    assert.ok(![...published].some((path) => /_test\.ts$|testdata\//.test(path)));
    const links = linksOf(await readText(`packages/${name}/README.md`));
    const dead = links.filter((link) => !/^https:/.test(link) && !published.has(link));
    assert.deepEqual(dead, [], "a link leads to a file that is published, or is https:");
  });
}

Deno.test("each package's README answers ten questions or more by a file", async () => {
  for (const name of PACKAGES) {
    const text = await readText(`packages/${name}/README.md`);
    const section = text.split("\n## ").find((part) => part.startsWith("Where things are\n"));
    const rows = (section ?? "").match(/^\| .+\? +\| \[.+\]\(.+\.ts\) +\|$/gm);
    assert.ok((rows?.length ?? 0) >= 10, name);
  }
});
