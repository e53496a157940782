/**
 * Alerts over MQTT 3.1.1, announced to Home Assistant (its discovery of `event` entities), so that
 * each camera appears there by itself.
 *
 * @module
 */
import { abortable, lazyPart, settledWithin, splitCredentials } from "@vcs/transport/internal";
import { MQTT_CLIENT } from "./mqtt_part.ts";
import type { AlertScope, AlertTarget } from "./targets.ts";

/** What we use of a client of mqtt. */
export interface MqttClient {
  /** Whether the broker is there. */
  readonly connected: boolean;
  /** Calls a function with each event. */
  on(event: "connect" | "error", listener: (...args: unknown[]) => void): unknown;
  /** Publishes; resolves when the broker has it. */
  publishAsync(topic: string, payload: string, options: object): Promise<unknown>;
  /** Ends the connection. */
  endAsync(force?: boolean): Promise<unknown>;
}

/** What we use of mqtt. */
export interface MqttModule {
  /** A client that connects, and connects again when it is cut off. */
  connect(url: string, options: object): MqttClient;
}

const loadClient = lazyPart<MqttModule>(MQTT_CLIENT);

/** Milliseconds between attempts to reach the broker, and for each of them. */
const [RECONNECT, CONNECT] = [5000, 10_000];
/** Milliseconds for a last word. */
const GOODBYE = 1000;

/** A name as a level of a topic, where `/`, `+` and `#` have a meaning of their own. */
const levelOf = (name: string) => name.replace(/[^\w-]/g, "_");

const idOf = (camera: string) => `clip_drift_${levelOf(camera)}`;

/** Where Home Assistant looks for a camera. */
const discoveryTopic = (camera: string) => `homeassistant/event/${idOf(camera)}/config`;

/** The topic that all others begin with. */
function prefixOf(url: URL): string {
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, "") || "clip-drift";
  if (!/[+#\0]/.test(prefix)) return prefix;
  throw new TypeError(`Cannot publish below ${prefix}: found +, # or NUL, expected a plain topic`);
}

/**
 * A broker: `mqtt://name:password@host:1883/topic` or `mqtts://…`; below the topic, `clip-drift`
 * where there is none, each camera has `<camera>/alert`. Alerts go with quality of service 1.
 *
 * @throws {TypeError} if the URL or its topic is none
 */
export class MqttTarget implements AlertTarget {
  readonly name: string;
  readonly attempts: number = Infinity;
  readonly #url: URL;
  /** Where this command says whether it is there, from its start to its end. */
  readonly #status: string;
  #scope: AlertScope;
  readonly #login: { readonly username?: string; readonly password?: string };
  readonly #prefix: string;
  #client: Promise<MqttClient> | undefined;
  #lastError = "it does not answer";

  /** Connects when it is started. */
  constructor(source: string, scope: AlertScope) {
    const { url, credentials } = splitCredentials(source);
    this.#url = url;
    this.#scope = scope;
    this.#login = credentials ? { username: credentials.user, password: credentials.password } : {};
    this.#prefix = prefixOf(url);
    const cameras = scope.cameras.map(levelOf).join("-").slice(0, 64);
    this.#status = `${this.#prefix}/status/${cameras}`;
    this.name = `publish to ${url.href}`;
  }

  /** Connects, and stays connected. */
  async start(): Promise<void> {
    await (this.#client ??= this.#connect());
  }

  async #connect(): Promise<MqttClient> {
    const { connect } = await loadClient();
    const { protocol, host } = this.#url;
    const client = connect(`${protocol}//${host}`, {
      ...this.#login,
      ...{ reconnectPeriod: RECONNECT, connectTimeout: CONNECT },
      will: { topic: this.#status, payload: "offline", qos: 1, retain: true },
    });
    client.on("error", (error) => {
      this.#lastError = error instanceof Error ? error.message || error.name : String(error);
    });
    // A publication that a lost connection cuts off is made anew with the next one.
    client.on("connect", () => void this.#announce(client).catch(() => {}));
    return client;
  }

  /** Says that this command is there, and what its cameras are. */
  async #announce(client: MqttClient): Promise<void> {
    const retained = { qos: 1, retain: true };
    await client.publishAsync(this.#status, "online", retained);
    for (const camera of this.#scope.cameras) {
      const id = idOf(camera);
      const config = {
        name: "Alert",
        ...{ unique_id: id, state_topic: this.#topic(camera), event_types: this.#scope.rules },
        availability_topic: this.#status,
        device: { identifiers: [id], name: camera, manufacturer: "clip-drift" },
      };
      await client.publishAsync(discoveryTopic(camera), JSON.stringify(config), retained);
    }
  }

  /** Announces other cameras, and withdraws those that are gone. */
  expect(scope: AlertScope): void {
    const gone = this.#scope.cameras.filter((camera) => !scope.cameras.includes(camera));
    this.#scope = scope;
    const tell = async () => {
      const client = await this.#client;
      // The next connection announces by itself.
      if (client === undefined || !client.connected) return;
      const topics = gone.map(discoveryTopic);
      await Promise.all(topics.map((t) => client.publishAsync(t, "", { qos: 1, retain: true })));
      await this.#announce(client);
    };
    void tell().catch(() => {});
  }

  #topic(camera: string): string {
    return `${this.#prefix}/${levelOf(camera)}/alert`;
  }

  /** Publishes an alert; Home Assistant finds its rule in `event_type`. */
  async deliver(alert: Parameters<AlertTarget["deliver"]>[0], signal: AbortSignal): Promise<void> {
    await this.start();
    const client = await this.#client!;
    if (!client.connected) throw new Error(`there is no connection: ${this.#lastError}`);
    const payload = JSON.stringify({ event_type: alert.rule, ...alert });
    await abortable(client.publishAsync(this.#topic(alert.camera), payload, { qos: 1 }), signal);
  }

  /** Says goodbye. */
  async [Symbol.asyncDispose](): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    if (client === undefined) return;
    const offline = () => client.publishAsync(this.#status, "offline", { qos: 1, retain: true });
    if (client.connected) await settledWithin(GOODBYE, offline());
    await settledWithin(GOODBYE, client.endAsync(true));
  }
}
