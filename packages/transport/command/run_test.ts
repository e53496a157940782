import assert from "node:assert/strict";
import { hasPrograms, needs } from "#testing/shared.ts";
import { errorLine, exitCode } from "./run.ts";

const SCRIPT = new URL("./testdata/process.ts", import.meta.url).href;

function start(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", SCRIPT, ...args],
    env: { NO_COLOR: "1", ...env },
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
  }).spawn();
}

async function finish(child: Deno.ChildProcess) {
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const run = (args: string[], env?: Record<string, string>) => finish(start(args, env));

Deno.test("the exit code is the command's own; a failure is one line and code 1", async () => {
  assert.deepEqual(await run(["end", "0"]), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(await run(["end", "7"]), { code: 7, stdout: "", stderr: "" });
  const failed = await run(["fail", "Cannot read\n  a: \x1b[2Jb"]);
  assert.deepEqual(failed, { code: 1, stdout: "", stderr: "sample: Cannot read a: \\x1b[2Jb\n" });
  const debugged = await run(["fail", "x"], { VCS_DEBUG: "1" });
  assert.match(debugged.stderr, /^sample: x\nError: x\n +at /);
});

Deno.test("an error that escapes the work is one line and code 1, too", async () => {
  for (const where of ["callback", "promise"]) {
    assert.deepEqual(await run(["stray", where]), {
      code: 1,
      stdout: "",
      stderr: "sample: lost\n",
    });
  }
});

Deno.test("wrong usage is code 2, one line and where help is", async () => {
  const late = await run(["misuse"]);
  const line = "sample: found nothing, expected something\nSee sample misuse --help\n";
  assert.deepEqual(late, { code: 2, stdout: "", stderr: line });
  const nothing = await run([]);
  assert.deepEqual([nothing.code, nothing.stdout], [2, ""]);
  assert.match(nothing.stderr, /^sample: manners\n\nUsage: sample COMMAND …/);
});

Deno.test("a reader that goes away ends the command quietly", async () => {
  const child = start(["flood"]);
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const errors = await new Response(child.stderr).text();
  assert.deepEqual([(await child.status).code, errors], [0, ""]);
});

/** Reads what a process says on stderr until a word has come. */
async function until(reader: ReadableStreamDefaultReader<string>, word: string): Promise<void> {
  for (let said = ""; !said.includes(word);) {
    const { value, done } = await reader.read();
    assert.ok(!done, `the process ended without saying ${word}`);
    said += value;
  }
}

async function interrupted(args: string[], signals: readonly Deno.Signal[]) {
  const child = start(args);
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  await until(reader, "ready");
  for (const signal of signals) child.kill(signal);
  const stdout = await new Response(child.stdout).text();
  while (!(await reader.read()).done);
  return { code: (await child.status).code, stdout };
}

Deno.test("an interrupt closes in order and ends with 130, also where it arrives twice", async () => {
  const closed = { code: 130, stdout: "closed\n" };
  assert.deepEqual(await interrupted(["wait", "300"], ["SIGINT", "SIGINT"]), closed);
  assert.deepEqual(await interrupted(["wait", "0"], ["SIGTERM"]), closed);
  assert.deepEqual(await interrupted(["wait", "300"], ["SIGHUP", "SIGTERM", "SIGINT"]), closed);
  assert.deepEqual(await interrupted(["throw"], ["SIGINT"]), { code: 130, stdout: "" });
});

/** Signals a process that may have ended. */
function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch {
    // It has.
  }
}

Deno.test({
  name: "SIGHUP stays ignored under nohup",
  ...needs(Deno.build.os === "linux" && hasPrograms("nohup")),
  async fn() {
    const child = new Deno.Command("nohup", {
      args: [Deno.execPath(), "run", "--quiet", "--no-check", "-A", SCRIPT, "wait", "2500"],
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    await until(reader, "ready");
    child.kill("SIGTERM");
    // Were they heard, one of these would come late enough to end the closing.
    const timer = setInterval(() => signal(child, "SIGHUP"), 100);
    const stdout = await new Response(child.stdout).text();
    clearInterval(timer);
    await reader.cancel();
    assert.deepEqual([(await child.status).code, stdout], [130, "closed\n"]);
  },
});

Deno.test("a later interrupt ends the closing at once", async () => {
  const child = start(["wait", "3600000"]);
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  await until(reader, "ready");
  child.kill("SIGINT");
  await until(reader, "closing");
  // Sent until it counts: the first ones may still be taken for the same press.
  const timer = setInterval(() => signal(child, "SIGINT"), 200);
  const { code } = await child.status;
  clearInterval(timer);
  assert.equal(code, 130);
  assert.equal(await new Response(child.stdout).text(), "");
  await reader.cancel();
});

Deno.test("exitCode() has 130 for what follows an interrupt, and its own code for what fails", async () => {
  const open = new AbortController().signal;
  const reason = new DOMException("Interrupted", "AbortError");
  const aborted = AbortSignal.abort(reason);
  const rejects = (error: unknown) => () => Promise.reject(error);
  assert.equal(await exitCode("x", () => Promise.resolve(), open), 0);
  assert.equal(await exitCode("x", () => Promise.resolve(), aborted), 130);
  assert.equal(await exitCode("x", () => Promise.resolve(1), aborted), 1);
  assert.equal(await exitCode("x", rejects(reason), aborted), 130);
  assert.equal(await exitCode("x", rejects(new DOMException("", "AbortError")), aborted), 130);
  const closing = new SuppressedError(new Error("closed"), reason);
  assert.equal(await exitCode("x", rejects(closing), aborted), 130);
});

Deno.test("errorLine() is one line that shows what is in it", () => {
  assert.equal(errorLine(new Error("a\n  b\r\nc")), "a b c");
  assert.equal(errorLine(new RangeError("")), "RangeError");
  assert.equal(errorLine("text\x07"), "text\\x07");
  assert.equal(errorLine(new SuppressedError(new Error("closed"), new Error("lost"))), "lost");
});
