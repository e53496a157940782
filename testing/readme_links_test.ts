import assert from "node:assert/strict";
import { existsSync } from "node:fs";

const root = new URL("../", import.meta.url);
const packages = [...Deno.readDirSync(new URL("packages/", root))].map(({ name }) => name);

/** Targets of the links of a document that lead to files of the repository, or into a document. */
function relativeLinks(text: string): string[] {
  const prose = text.replace(/^```.*?^```$/gms, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
    .filter((target) => !/^([a-z]+:|#)/.test(target));
}

Deno.test("links between files of the repository lead to files that exist", () => {
  const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
  for (const name of [...documents, ...packages.map((name) => `packages/${name}/README.md`)]) {
    const document = new URL(name, root);
    const broken = relativeLinks(Deno.readTextFileSync(document))
      .filter((target) => !existsSync(new URL(target.replace(/#.*/, ""), document)));
    assert.deepEqual(broken, [], name);
  }
});

Deno.test("each package's README answers ten questions by a file", () => {
  for (const name of packages) {
    const text = Deno.readTextFileSync(new URL(`packages/${name}/README.md`, root));
    const section = text.split("\n## ").find((part) => part.startsWith("Where things are\n"));
    const rows = (section ?? "").match(/^\| .+\? +\| \[.+\]\(.+\.ts\) +\|$/gm);
    assert.equal(rows?.length, 10, name);
  }
});
