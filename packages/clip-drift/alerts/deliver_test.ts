import assert from "node:assert/strict";
import { Delivery, shellLine } from "./deliver.ts";

/** A webhook that answers when it is let. */
function webhook(status = 200) {
  const bodies: string[] = [];
  const gate = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    bodies.push(await request.text());
    await gate.promise;
    return new Response(null, { status });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    bodies,
    open: gate.resolve,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("at most 32 alerts wait for a webhook; the others are refused and reported", async () => {
  await using hook = webhook();
  const failures: string[] = [];
  {
    await using delivery = new Delivery({
      webhooks: [hook.url],
      timeout: 60,
      onFailure: (line) => failures.push(line),
    });
    for (let n = 0; n < 40; n++) delivery.send({ n });
    hook.open();
  }
  assert.equal(failures.length, 8);
  assert.match(failures[0]!, /^Cannot POST to http.*: 32 alerts are waiting already$/);
  assert.deepEqual(hook.bodies.map((body) => JSON.parse(body).n), [...Array(32).keys()]);
});

Deno.test("those that were delivered, or failed, make room for others", async () => {
  for (const status of [200, 503]) {
    await using hook = webhook(status);
    hook.open();
    const failures: string[] = [];
    const options = { webhooks: [hook.url], onFailure: (line: string) => failures.push(line) };
    await using delivery = new Delivery(options);
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 20; n++) delivery.send({ n });
      await delivery[Symbol.asyncDispose]();
    }
    assert.equal(hook.bodies.length, 60);
    assert.equal(failures.length, status === 200 ? 0 : 60);
    assert.ok(failures.every((line) => line.endsWith("status 503, expected 2xx")));
  }
});

Deno.test("Delivery posts to webhooks and runs commands, and reports what fails", async () => {
  const bodies: unknown[] = [];
  const failures: string[] = [];
  const path = await Deno.makeTempFile();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (r) => {
      bodies.push(await r.json());
      return new Response("", { status: r.url.endsWith("/bad") ? 500 : 200 });
    },
  );
  const base = `http://127.0.0.1:${server.addr.port}`;
  assert.throws(() => new Delivery({ webhooks: ["http://a:b@x:99999"] }), {
    name: "TypeError",
    message: /^Cannot read http:\/\/x:99999:/,
  });
  {
    await using delivery = new Delivery({
      webhooks: [`${base}/good`, `${base.replace("//", "//name:secret@")}/bad`],
      commands: [`cat > "${path}"`, "exit 3"],
      timeout: 60,
      onFailure: (message) => failures.push(message),
    });
    delivery.send({ rule: "cut" });
  }
  assert.deepEqual(bodies, [{ rule: "cut" }, { rule: "cut" }]);
  assert.equal(await Deno.readTextFile(path), '{"rule":"cut"}\n');
  assert.deepEqual(failures, [
    `Cannot POST to ${base}/bad: status 500, expected 2xx`,
    "Cannot run exit 3: exit code 3, expected 0",
  ]);
  await Deno.remove(path);
});

Deno.test("Delivery gives up on a webhook that does not answer, and refuses a backlog", async () => {
  const failures: string[] = [];
  const hung = Promise.withResolvers<Response>();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => hung.promise,
  );
  {
    await using delivery = new Delivery({
      webhooks: [`http://127.0.0.1:${server.addr.port}/`],
      timeout: 0.01,
      onFailure: (message) => failures.push(message),
    });
    for (let i = 0; i < 40; i++) delivery.send({ i });
    assert.equal(failures.length, 8);
    assert.match(failures[0]!, /32 alerts are waiting already$/);
  }
  assert.equal(failures.length, 40);
  hung.resolve(new Response());
});

Deno.test("a command's quotes reach the shell of every system", () => {
  const line = 'notify "the scene"';
  assert.deepEqual(shellLine(line, "linux").args, ["-c", line]);
  const { program, args, windowsRawArguments } = shellLine(line, "windows");
  assert.deepEqual([program, args.at(-1), windowsRawArguments], ["cmd", `"${line}"`, true]);
});
