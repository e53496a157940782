import assert from "node:assert/strict";
import { join } from "node:path";
import { lazyPart } from "@vcs/transport/internal";
import { hasPrograms, needs } from "#testing/shared.ts";
import { freePort } from "../../transport/site/free_port.ts";
import { madeAlert } from "../testdata/alert.ts";
import { Delivery } from "./deliver.ts";
import { type MqttClient, type MqttModule, MqttTarget } from "./mqtt.ts";
import { MQTT_CLIENT } from "./mqtt_part.ts";

/** A mosquitto that asks for name and password, and can be started again on its port. */
class Mosquitto implements AsyncDisposable {
  readonly port = freePort();
  readonly #folder = Deno.makeTempDirSync();
  #child: Deno.ChildProcess | undefined;

  async start(): Promise<void> {
    const passwords = join(this.#folder, "passwords");
    await Deno.writeTextFile(passwords, "door:secret\n");
    await new Deno.Command("mosquitto_passwd", { args: ["-U", passwords] }).output();
    const config = join(this.#folder, "mosquitto.conf");
    const lines = [
      `listener ${this.port} 127.0.0.1`,
      `password_file ${passwords}`,
      "allow_anonymous false",
      // Debian's would become a user who may not read the folder.
      "user root",
    ];
    await Deno.writeTextFile(config, lines.join("\n"));
    this.#child = new Deno.Command("mosquitto", {
      args: ["-c", config],
      ...{ stdout: "null", stderr: "null" },
    }).spawn();
    for (;;) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

type Listener = MqttClient & {
  on(event: "message", listener: (topic: string, payload: Uint8Array) => void): unknown;
  subscribeAsync(topic: string, options: object): Promise<unknown>;
};

/** All that is published, as a listener of the same library gets it. */
async function listen(port: number) {
  const { connect } = await lazyPart<MqttModule>(MQTT_CLIENT)();
  const login = { username: "door", password: "secret" };
  const client = connect(`mqtt://127.0.0.1:${port}`, { ...login, reconnectPeriod: 50 }) as Listener;
  const messages: [string, string][] = [];
  client.on("message", (topic, payload) => {
    messages.push([topic, new TextDecoder().decode(payload)]);
  });
  client.on("error", () => {});
  client.on("connect", () => void client.subscribeAsync("#", { qos: 1 }).catch(() => {}));
  const until = async (topic: string, pattern: RegExp) => {
    const isIt = ([name, text]: [string, string]) => name === topic && pattern.test(text);
    while (!messages.some(isIt)) await new Promise((resolve) => setTimeout(resolve, 10));
    return messages.find(isIt)![1];
  };
  return { messages, until, [Symbol.asyncDispose]: async () => void await client.endAsync(true) };
}

const about = { cameras: ["front door", "yard"], rules: ["scene", "gone"] };

Deno.test({
  name: "mqtt: cameras are announced, alerts arrive, also when the broker was away",
  ...needs(hasPrograms("mosquitto")),
  fn: async () => {
    await using broker = new Mosquitto();
    await broker.start();
    await using listener = await listen(broker.port);
    const url = `mqtt://door:secret@127.0.0.1:${broker.port}/home/cams`;
    const target = new MqttTarget(url, about);
    assert.equal(target.name, `publish to mqtt://127.0.0.1:${broker.port}/home/cams`);
    {
      await using delivery = await Delivery.open({ targets: [target] });
      const config = JSON.parse(
        await listener.until("homeassistant/event/clip_drift_front_door/config", /./),
      );
      const status = "home/cams/status/front_door-yard";
      assert.deepEqual(config, {
        name: "Alert",
        unique_id: "clip_drift_front_door",
        state_topic: "home/cams/front_door/alert",
        event_types: ["scene", "gone"],
        availability_topic: status,
        device: {
          identifiers: ["clip_drift_front_door"],
          name: "front door",
          manufacturer: "clip-drift",
        },
      });
      await listener.until("homeassistant/event/clip_drift_yard/config", /home\/cams\/yard\/alert/);
      await listener.until(status, /^online$/);
      delivery.expect({ cameras: ["front door", "gate"], rules: ["scene", "slow"] });
      await listener.until("homeassistant/event/clip_drift_gate/config", /cams\/gate\/alert/);
      await listener.until("homeassistant/event/clip_drift_front_door/config", /"slow"/);
      await listener.until("homeassistant/event/clip_drift_yard/config", /^$/);
      await delivery.send(madeAlert(1, "front door"));
      const alert = JSON.parse(await listener.until("home/cams/front_door/alert", /"frame":1/));
      assert.deepEqual(alert, { event_type: "cut", ...madeAlert(1, "front door") });

      await broker.kill();
      await delivery.send(madeAlert(2, "yard"));
      await broker.start();
      await listener.until("home/cams/yard/alert", /"frame":2/);
      await delivery.settled();
    }
    await listener.until("home/cams/status/front_door-yard", /^offline$/);
  },
});

Deno.test({
  name: "mqtt: a wrong password is told in the broker's words, and the alert is kept",
  ...needs(hasPrograms("mosquitto")),
  fn: async () => {
    await using broker = new Mosquitto();
    await broker.start();
    const target = new MqttTarget(`mqtt://door:wrong@127.0.0.1:${broker.port}`, about);
    const lines: string[] = [];
    await using delivery = await Delivery.open({
      ...{ targets: [target], say: (line) => void lines.push(line) },
    });
    const error = await (async () => {
      for (;;) {
        const failed = await target.deliver(madeAlert(), new AbortController().signal)
          .catch((error: Error) => error.message);
        if (/authori[sz]ed|password/i.test(String(failed))) return failed;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    assert.match(String(error), /^there is no connection: Connection refused: /);
    assert.equal(delivery.waiting(), 0);
    assert.doesNotMatch(target.name + lines.join(), /wrong/);
  },
});

Deno.test("mqtt: a topic with wildcards is refused", () => {
  assert.throws(() => new MqttTarget("mqtt://host/a/%23", about), { name: "TypeError" });
});
