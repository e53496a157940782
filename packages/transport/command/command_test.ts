import assert from "node:assert/strict";
import { type Command, command } from "./command.ts";
import { flag, operands, option } from "./options.ts";
import { streamCommand } from "./testdata/stream_command.ts";
import { file, whole } from "./values.ts";
import { UsageError } from "./usage_error.ts";

/** A command that does something itself and has a subcommand. */
function watch(takesFiles: boolean, report: (name: string) => void): Command {
  return command({
    ...{ name: "watch", version: "1.0.0", about: "watch" },
    options: { every: option(whole({ min: 1 }), { help: "pace", default: 1 }) },
    ...(takesFiles && { operands: { files: operands(file(), "files") } }),
    commands: [
      command({
        ...{
          name: "camera",
          about: "a camera",
          options: { port: option(whole(), { help: "port" }) },
        },
        run: () => Promise.resolve(report("camera")),
      }),
    ],
    run: () => Promise.resolve(report("watch")),
  });
}

const context = { signal: new AbortController().signal, env: () => undefined, note() {} };

async function run(takesFiles: boolean, ...args: string[]): Promise<string[]> {
  const ran: string[] = [];
  await watch(takesFiles, (name) => ran.push(name)).invoke(args, context);
  return ran;
}

/** What a wrong line is told, and where it is sent for help. */
async function told(root: Command, ...args: string[]): Promise<string> {
  try {
    await root.invoke(args, context);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return `${error.message} (${error.command})`;
  }
  throw new Error("nothing was wrong");
}

Deno.test("a first argument chooses the subcommand; all else is the command's own", async () => {
  assert.deepEqual(await run(true), ["watch"]);
  assert.deepEqual(await run(true, "camera"), ["camera"]);
  assert.deepEqual(await run(true, "./camera"), ["watch"]);
  assert.deepEqual(await run(true, "--every", "2", "camera"), ["watch"]);
  assert.deepEqual(await run(true, "constructor"), ["watch"]);
});

Deno.test("an unknown subcommand is named with the nearest right one", async () => {
  const root = watch(false, () => {});
  const camra = 'Unknown command "camra": did you mean camera? (watch)';
  assert.equal(await told(root, "camra"), camra);
  const far = 'Unknown command "toString", expected camera, completions (watch)';
  assert.equal(await told(root, "toString"), far);
  const stream = streamCommand(() => {});
  assert.match(await told(stream, "decod", "x"), /no mode/);
});

Deno.test("an option of another subcommand is told whose it is", async () => {
  const root = watch(false, () => {});
  const port = "Unknown option --port: it belongs to watch camera (watch)";
  assert.equal(await told(root, "--port", "1"), port);
  assert.match(
    await told(root, "camera", "--every", "1"),
    /^Unknown option --every .*\(watch camera\)$/,
  );
});

Deno.test("a command that only has subcommands refuses everything else", async () => {
  const child = command({ name: "go", about: "go", run: () => Promise.resolve(3) });
  const root = command({ name: "x", version: "1", about: "x", commands: [child] });
  assert.equal(await root.invoke(["go"], context), 3);
  assert.equal(await told(root, "--speed=3"), "Unknown option --speed (x)");
  assert.equal(
    await told(root, "--versoin"),
    "Unknown option --versoin: did you mean --version? (x)",
  );
  assert.equal(await told(root, "og"), 'Unknown command "og": did you mean go? (x)');
});

Deno.test("completions are written for three shells", async () => {
  const root = watch(false, () => {});
  const wrong = 'Cannot write completions: found "tcsh", expected bash, zsh, fish';
  assert.ok((await told(root, "completions", "tcsh")).startsWith(wrong));
  assert.match(await told(root, "completions"), /found no shell/);
  assert.match(await told(root, "completions", "bash", "zsh"), /found "bash" "zsh"/);
});

Deno.test("subcommands of subcommands are not defined", () => {
  const inner = command({ name: "a", about: "a", options: { x: flag({ help: "x" }) } });
  const middle = command({ name: "b", about: "b", commands: [inner] });
  assert.throws(() => command({ name: "c", about: "c", commands: [middle] }), TypeError);
});
