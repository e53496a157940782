import assert from "node:assert/strict";
import { madeAlert } from "../testdata/alert.ts";
import { RefusedAlert, shellCommand, shellLine, webhook, webhooks } from "./targets.ts";

const signal = () => AbortSignal.timeout(600_000);

/** A server that answers with a status, and with a place for the paths `/from`. */
function server(status: number, location = "/to") {
  const posted: { method: string; path: string; body: string }[] = [];
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname: path } = new URL(request.url);
    posted.push({ method: request.method, path, body: await request.text() });
    if (path !== "/from") return new Response(null, { status: 200 });
    return new Response(null, { status, headers: status < 400 ? { location } : {} });
  });
  const url = `http://127.0.0.1:${http.addr.port}/from`;
  return { url, posted, [Symbol.asyncDispose]: () => http.shutdown() };
}

Deno.test("a redirect that keeps the method is followed with what is posted", async () => {
  for (const status of [307, 308]) {
    await using hook = server(status);
    await webhook(hook.url).deliver(madeAlert(), signal());
    const body = JSON.stringify(madeAlert());
    assert.deepEqual(hook.posted, [
      { method: "POST", path: "/from", body },
      { method: "POST", path: "/to", body },
    ]);
  }
});

/** Redirects to what nothing can be posted to. */
const NOWHERE = ["http://[/", "ftp://127.0.0.1/", "file:///etc/passwd"].map((at) => [308, at, 1]);

Deno.test("other redirects, and more than five, refuse the alert", async () => {
  for (
    const [status, location, sent] of [
      [302, "/to", 1],
      [301, "/to", 1],
      [307, "/from", 6],
      ...NOWHERE,
    ]
  ) {
    await using hook = server(status as number, location as string);
    await assert.rejects(webhook(hook.url).deliver(madeAlert(), signal()), RefusedAlert);
    assert.equal(hook.posted.length, sent);
  }
});

Deno.test("a client error refuses the alert, others may pass", async () => {
  for (
    const [status, refused] of [[400, true], [404, true], [408, false], [429, false], [503, false]]
  ) {
    await using hook = server(status as number);
    const error = await webhook(hook.url).deliver(madeAlert(), signal()).then(
      () => undefined,
      (e) => e,
    );
    assert.equal(error.message, `status ${status}, expected 2xx`);
    assert.equal(error instanceof RefusedAlert, refused);
  }
});

Deno.test("a webhook's name and errors hold no password", () => {
  assert.equal(webhook("https://name:secret@host/a").name, "POST to https://host/a");
  const names = webhooks(["a", "b"].map((secret) => `https://host/?token=${secret}`));
  const shown = "POST to https://host/?token=***";
  assert.deepEqual(names.map(({ name }) => name), [shown, `${shown} (2)`]);
  assert.throws(() => webhook("http://a:b@x:99999"), {
    name: "TypeError",
    message: /^Cannot read http:\/\/x:99999:/,
  });
});

Deno.test("a command gets the alert as a line, and its exit code counts", async () => {
  const path = await Deno.makeTempFile();
  await shellCommand(`cat > "${path}"`).deliver(madeAlert(3), signal());
  assert.equal(await Deno.readTextFile(path), `${JSON.stringify(madeAlert(3))}\n`);
  await Deno.remove(path);
  await assert.rejects(shellCommand("exit 3").deliver(madeAlert(), signal()), {
    message: "exit code 3, expected 0",
  });
});

Deno.test("a command's quotes reach the shell of every system", () => {
  const line = 'notify "the scene"';
  assert.deepEqual(shellLine(line, "linux").args, ["-c", line]);
  const { program, args, windowsRawArguments } = shellLine(line, "windows");
  assert.deepEqual([program, args.at(-1), windowsRawArguments], ["cmd", `"${line}"`, true]);
});
