import { exists, PACKAGES, readText } from "#testing/house.ts";
import { COMMANDS } from "#testing/install.ts";
import assert from "node:assert/strict";

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** Instructions of a Dockerfile, continued lines joined. */
function instructionsOf(text: string): Instruction[] {
  const lines = text.replace(/^#.*\n/gm, "").replace(/\\\n/g, " ").split("\n");
  return lines.filter((line) => line.trim() !== "").map((line) => {
    const [, word = "", rest = ""] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    return { word, rest };
  });
}

const instructions = instructionsOf(await readText("Dockerfile"));
const restsOf = (word: string) => instructions.filter((i) => i.word === word).map((i) => i.rest);

Deno.test("Dockerfile: every line is an instruction", () => {
  const words = ["FROM", "RUN", "COPY", "USER", "WORKDIR", "CMD"];
  for (const { word, rest } of instructions) assert.ok(words.includes(word), `${word} ${rest}`);
});

Deno.test("Dockerfile: every path that is copied exists, and members of the workspace are", async () => {
  const sources = restsOf("COPY").filter((rest) => !rest.startsWith("--from="))
    .flatMap((rest) => rest.split(/ +/).slice(0, -1));
  for (const source of sources) assert.ok(exists(source), source);
  const { workspace } = JSON.parse(await readText("deno.json")) as { workspace: string[] };
  for (const member of workspace) {
    assert.ok(sources.includes(member.replace(/^\.\/|\/\*$/g, "")), member);
  }
});

Deno.test({
  name: "Dockerfile: the shell can read every command",
  ignore: Deno.build.os === "windows",
  async fn() {
    for (const rest of restsOf("RUN")) {
      const shell = new Deno.Command("sh", { args: ["-n", "-c", rest] });
      const { success, stderr } = await shell.output();
      assert.ok(success, `${rest}\n${new TextDecoder().decode(stderr)}`);
    }
  },
});

Deno.test("Dockerfile: commands are made of packages, and all that fetch something are set up", () => {
  const loops = restsOf("RUN").flatMap((rest) => {
    const [, names, work] = /^for name in ([\w -]+); *do (.*)$/.exec(rest) ?? [];
    return names === undefined ? [] : [{ names: names.split(" "), work: work! }];
  });
  assert.equal(loops.length, 3);
  for (const { names } of loops) {
    for (const name of names) assert.ok(PACKAGES.includes(name) && name in COMMANDS, name);
  }
  const settingUp = loops.find(({ work }) => work.includes('"$name" setup'));
  assert.deepEqual(settingUp?.names, [
    ...["patch-stream", "encodec-stream", "video-vq", "clip-drift", "together"],
  ]);
});

Deno.test("Dockerfile: images have a tag, and nothing runs as root", () => {
  for (const rest of restsOf("FROM")) assert.match(rest, /^[a-z]+:[\w.-]+-slim( AS \w+)?$/);
  assert.deepEqual(restsOf("USER"), ["vcs"]);
});
