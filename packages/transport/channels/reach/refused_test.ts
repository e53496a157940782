import assert from "node:assert/strict";
import { needs } from "#testing/shared.ts";
import { openReceiver, openSender } from "../../channel.ts";
import { message } from "../../message.ts";
import { keyOf, operatorOf } from "../../testing/nats_users.ts";
import { hasBroker, startBroker } from "../../trial/brokers.ts";

/** Both ends are told at once, and in the broker's words. */
async function refused(url: string, words: RegExp): Promise<void> {
  const told = { code: "refused", message: words };
  const options = { timeout: 600_000, notice: () => {} };
  await using receiver = await openReceiver(url, options);
  await assert.rejects(receiver.receive(), told, url);
  const sender = await openSender(url, options);
  const sending = sender.send(message(new Uint8Array(1))).then(() => sender.flush());
  await assert.rejects(sending, told, url);
  await sender.close();
}

/** A message goes through. */
async function taken(url: string): Promise<void> {
  const options = { notice: () => {} };
  await using receiver = await openReceiver(url, options);
  await using sender = await openSender(url, options);
  await sender.send(message(new Uint8Array(1), { end: true }));
  assert.equal((await Array.fromAsync(receiver)).length, 1);
}

/** A server of NATS with a configuration, and files that name users. */
async function natsWith(config: string, files: Record<string, string>) {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  for (const [name, text] of Object.entries({ ...files, config })) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const more = () => Promise.resolve(["-c", `${folder}/config`]);
  const { port } = stack.use(await startBroker("nats", { more }));
  const url = (file: string, more = "") =>
    `nats://127.0.0.1:${port}?credentials=${folder}/${file}${more}`;
  const { move } = stack;
  return { port, url, stack: move.call(stack) };
}

Deno.test({
  name: "nats: users by passwords, keys and tokens from files; what is wrong is told at once",
  ...needs(hasBroker("nats")),
  async fn() {
    const [known, other] = [keyOf(), keyOf()];
    const config = `accounts {
      streams { jetstream: enabled, users: [
        { user: me, password: right }, { nkey: ${known.key} },
        { user: bound, password: right, permissions: {
          publish: ["$JS.API.INFO", "$JS.API.STREAM.>"], subscribe: ["_INBOX.>"] } }
      ] }
      none { users: [{ user: none, password: right }] }
    }`;
    const user = (name: string, password: string) => `user=${name}\npassword=${password}\n`;
    const server = await natsWith(config, {
      ...{ me: user("me", "right"), wrong: user("me", "wrong"), none: user("none", "right") },
      ...{ bound: user("bound", "right"), known: `${known.seed}\n`, other: other.seed },
    });
    await using _ = server.stack;
    await taken(server.url("me"));
    await taken(server.url("known", "&stream=key"));
    await refused(server.url("wrong"), /NATS server refuses: .*Authorization Violation/i);
    await refused(server.url("other"), /Authorization Violation/i);
    await refused(`nats://127.0.0.1:${server.port}`, /Authorization Violation/i);
    await refused(server.url("none"), /refuses: .*jetstream/i);
    await refused(server.url("me", "&copies=3&stream=three"), /replicas > 1 not supported/);
    await refused(server.url("bound", "&stream=bound"), /Permissions Violation/i);
  },
});

Deno.test({
  name: "nats: credentials that an operator's account signed, and others",
  ...needs(hasBroker("nats")),
  async fn() {
    const { config, ...files } = operatorOf();
    const server = await natsWith(config, files);
    await using _ = server.stack;
    await taken(server.url("streams"));
    await refused(server.url("wrong"), /Authorization Violation/i);
    await refused(server.url("none"), /refuses: .*jetstream/i);
  },
});

Deno.test({
  name: "nats: a token, and a server without JetStream's streams for it",
  ...needs(hasBroker("nats")),
  async fn() {
    const server = await natsWith('authorization { token: "right" }', {
      ...{ right: "token=right\n", wrong: "token=wrong\n" },
    });
    await using _ = server.stack;
    await taken(server.url("right"));
    await refused(server.url("wrong"), /Authorization Violation/i);
  },
});
