import assert from "node:assert/strict";
import plugin from "./lint_paths.ts";

/** What the rule reports of some source text. */
function reported(source: string): string[] {
  const found = Deno.lint.runPlugin(plugin, "module.ts", source);
  return found.map(({ range: [from, to] }) => source.slice(from, to));
}

for (
  const [source, ...found] of [
    ['new URL("./a.ts", import.meta.url).pathname', 'new URL("./a.ts", import.meta.url).pathname'],
    ['const u = new URL("a", import.meta.url); open(u.pathname)', "u.pathname"],
    [
      'const u = new URL("..", import.meta.url); const v = new URL("b", u); open(v.pathname)',
      "v.pathname",
    ],
    ['const u = new URL(import.meta.resolve("./a.ts")); open(u.pathname)', "u.pathname"],
    ['const { pathname: path } = new URL("a", import.meta.url)', "{ pathname: path }"],
    ['new URL("a", import.meta.url).href.slice(7)', 'new URL("a", import.meta.url).href.slice'],
    ["import.meta.url.slice(7)", "import.meta.url.slice"],
    [
      'import.meta.resolve("./a.ts").replace("file://", "")',
      'import.meta.resolve("./a.ts").replace',
    ],
    ["new URL(`file://${path}`)", "`file://${path}`"],
    ["open(`file:${folder}`)", "`file:${folder}`"],
    ["open(`FILE://${folder}`)", "`FILE://${folder}`"],
  ] as const
) {
  Deno.test(`the rule reports ${source}`, () => {
    assert.deepEqual(reported(source), found);
  });
}

for (
  const source of [
    'fileURLToPath(new URL("./a.ts", import.meta.url))',
    'const u = new URL("a", import.meta.url); await Deno.readFile(u); say(u.href)',
    "const { pathname } = new URL(request.url)",
    "new URL(request.url).pathname.slice(1)",
    "import.meta.dirname.slice(1)",
    "`${pathToFileURL(folder)}?limit=3`",
    '"file:///etc/passwd"',
    "`profile: ${name}`",
  ]
) Deno.test(`the rule takes ${source}`, () => assert.deepEqual(reported(source), []));
