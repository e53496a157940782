import assert from "node:assert/strict";
import { command } from "./command.ts";
import { completionScript, type Shell, SHELLS } from "./completions.ts";
import { flag, list, operand, operands, option } from "./options.ts";
import { streamCommand } from "./testdata/stream_command.ts";
import { choice, file, folder, text } from "./values.ts";

/** A command with a quote, brackets and colons in its words. */
const sample = command({
  ...{ name: "my-tool", version: "1.0.0", about: "it's a [tool]: really" },
  options: {
    device: option(choice(["auto", "cpu"]), { help: "where: [cpu] or it's auto" }),
    out: option(folder(), { help: "folder", short: "o" }),
    display: flag({ help: "show", default: true }),
    secret: flag({ help: "hidden", hidden: true }),
    alert: list(text(), { help: "rule" }),
  },
  operands: { videos: operands(file("VIDEO"), "videos") },
  commands: [
    command({
      ...{ name: "bench", about: "time it's work" },
      options: { limit: option(text(), { help: "most" }) },
      operands: { folder: operand(folder(), "where") },
    }),
  ],
});

const stream = streamCommand(() => {});

async function isThere(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a script in a shell, and gives the lines that it prints. */
async function run(shell: string, script: string): Promise<string[]> {
  const path = await Deno.makeTempDir();
  await Deno.writeTextFile(`${path}/clip.mp4`, "");
  await Deno.mkdir(`${path}/clips`);
  const { success, stdout, stderr } = await new Deno.Command(shell, {
    args: [...shell === "fish" ? ["--no-config"] : [], "-c", script],
    cwd: path,
    env: { HOME: path, XDG_CONFIG_HOME: path },
  }).output();
  await Deno.remove(path, { recursive: true });
  const decoder = new TextDecoder();
  assert.ok(success, decoder.decode(stderr));
  assert.equal(decoder.decode(stderr), "");
  return decoder.decode(stdout).split("\n").filter((line) => line !== "");
}

/** Lines of words, the last one being completed, and what is offered. */
const CASES: [string[], string[]][] = [
  [["my-tool", ""], ["bench", "completions"]],
  [["my-tool", "b"], ["bench"]],
  [["my-tool", "--d"], ["--device"]],
  [["my-tool", "--no"], ["--no-display"]],
  [["my-tool", "--device", ""], ["auto", "cpu"]],
  [["my-tool", "--device", "c"], ["cpu"]],
  [["my-tool", "x", "cli"], ["clip.mp4", "clips"]],
  [["my-tool", "bench", "--l"], ["--limit"]],
  [["my-tool", "bench", "--dev"], []],
  [["my-tool", "bench", "cli"], ["clips"]],
  [["my-tool", "completions", ""], ["bash", "fish", "zsh"]],
  [["stream", "-d", "--fo"], ["--format"]],
  [["stream", "-d", "--format", ""], ["f32", "s16"]],
  [["stream", "song.mp4", "-e", "--na"], ["--name"]],
  [["stream", "-d", "cli"], ["clip.mp4", "clips"]],
];

function shellTest(shell: Shell, name: string, body: () => Promise<void>): void {
  Deno.test({
    name: `${shell} ${name}${isInstalled.get(shell) ? "" : ` (needs ${shell})`}`,
    ignore: !isInstalled.get(shell),
    fn: body,
  });
}

const isInstalled = new Map(
  await Promise.all(SHELLS.map(async (shell) => [shell, await isThere(shell)] as const)),
);

const scriptOf = (words: readonly string[], shell: Shell) =>
  completionScript(words[0] === "stream" ? stream : sample, shell);

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(" ");

/** Completes a line as bash does, and prints what is offered. */
function bashLine(words: readonly string[]): string {
  return `compopt() { :; }
${scriptOf(words, "bash")}
COMP_WORDS=(${quoted(words)}); COMP_CWORD=${words.length - 1}
read -r _ _ function _ <<< "$(complete -p ${words[0]} | sed 's/^complete//;s/^/x /')"
"$function" || true
printf '%s\\n' "\${COMPREPLY[@]}"`;
}

shellTest("bash", "accepts the script and completes by it", async () => {
  for (const command of [sample, stream]) {
    const path = await Deno.makeTempFile();
    await Deno.writeTextFile(path, completionScript(command, "bash"));
    const { success, stderr } = await new Deno.Command("bash", { args: ["-n", path] }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await Deno.remove(path);
  }
  for (const [words, offered] of CASES) {
    const found = (await run("bash", bashLine(words))).sort();
    // A first word can also be a file.
    const isFirst = words.length === 2 && words[0] === "my-tool" && !words[1]?.startsWith("-");
    if (isFirst) assert.deepEqual(offered.filter((word) => !found.includes(word)), []);
    else assert.deepEqual(found, offered, words.join(" "));
  }
});

shellTest("bash", "completes the value in --name=value", async () => {
  assert.deepEqual(await run("bash", bashLine(["my-tool", "--device", "="])), ["auto", "cpu"]);
  assert.deepEqual(await run("bash", bashLine(["my-tool", "--device", "=", "c"])), ["cpu"]);
});

shellTest("zsh", "accepts the script and calls its own functions with it", async () => {
  for (const command of [sample, stream]) {
    const script = completionScript(command, "zsh");
    const function_ = `_${command.name.replace(/\W/g, "_")}`;
    const found = await run(
      "zsh",
      `autoload -U compinit; compinit -u -d ./dump
${script}
print -r -- "$_comps[${command.name}]"
_arguments() { print -rl -- "$@" }; _describe() { print -r -- describe $2; print -rl -- "\${(@P)2}" }
words=(${command.name} ''); CURRENT=2; PREFIX=''; ${function_}`,
    );
    assert.deepEqual(found.slice(0, 2), [function_, "describe commands"]);
    assert.ok(found.includes("completions:print a script for a shell"));
    assert.ok(found.includes("*--version[show the version]"));
  }
});

shellTest("zsh", "describes the options of the subcommand of a line", async () => {
  const found = await run(
    "zsh",
    `compdef() { : }; _arguments() { print -rl -- "$@" }
${completionScript(stream, "zsh")}
words=(stream song.mp4 -d ''); CURRENT=4; PREFIX=''; _stream`,
  );
  assert.ok(found.includes("*--format=[format]:s16|f32:(s16 f32)"));
  assert.ok(found.includes("*-ss[start]:SEC:"));
  assert.equal(found.at(-1), "*:argument:_files");
  const own = await run(
    "zsh",
    `compdef() { : }; _arguments() { print -rl -- "$@" }; _describe() { : }
${completionScript(sample, "zsh")}
words=(my-tool ''); CURRENT=2; PREFIX=''; _my_tool`,
  );
  assert.ok(own.includes("*--device=[where\\: \\[cpu\\] or it's auto]:auto|cpu:(auto cpu)"));
  assert.ok(!own.some((line) => line.includes("secret")));
});

shellTest("fish", "accepts the script and completes by it", async () => {
  for (const [words, offered] of CASES) {
    const line = words.join(" ");
    const script = `${scriptOf(words, "fish")}\ncomplete -C '${line}'`;
    const found = (await run("fish", script)).map((text) => text.split("\t")[0]!.replace("/", ""));
    const isFirst = words.length === 2 && !words[1]?.startsWith("-");
    if (isFirst) assert.deepEqual(offered.filter((word) => !found.includes(word)), []);
    else assert.deepEqual(found.sort(), offered, line);
  }
});
