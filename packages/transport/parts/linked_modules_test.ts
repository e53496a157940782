import assert from "node:assert/strict";
import { linkedModule } from "./linked_modules.ts";

Deno.test("parts: modules require the packages beside them, and import all else", () => {
  const text = [
    `import debug from 'debug';`,
    `import { LRUCache, Heap as Pile } from 'mnemonist';`,
    `import * as Ajv from 'ajv/dist/2020.js';`,
    `import schema from "ajv/draft.json" with { type: 'json' };`,
    `import { readFile } from 'node:fs';`,
    `import { connect } from 'net';`,
    `import { own } from './own.js';`,
    `export const said = "import nothing from 'nowhere';";`,
  ].join("\n");
  assert.deepEqual(linkedModule(text).split("\n"), [
    `import { createRequire as partRequire } from "node:module";`,
    `const debug = partRequire(import.meta.url)("debug");`,
    `const { LRUCache, Heap: Pile } = partRequire(import.meta.url)("mnemonist");`,
    `const Ajv = partRequire(import.meta.url)("ajv/dist/2020.js");`,
    `const schema = partRequire(import.meta.url)("ajv/draft.json");`,
    ...text.split("\n").slice(4),
  ]);
  const none = `import { own } from "./own.js";\n`;
  assert.equal(linkedModule(none), none);
});
