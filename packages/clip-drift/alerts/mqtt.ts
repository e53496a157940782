/**
 * Alerts over MQTT 3.1.1, announced to Home Assistant (its discovery of `event` entities), so that
 * each camera appears there by itself.
 *
 * @module
 */
import { abortable, lazyPart, settledWithin } from "@vcs/transport/internal";
import { splitCredentials } from "../camera/auth.ts";
import { MQTT_CLIENT } from "./mqtt_part.ts";
import type { AlertTarget } from "./targets.ts";

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

/** What a broker is told of. */
export interface MqttOptions {
  /** Names of the cameras. */
  readonly cameras: readonly string[];
  /** Names of the rules. */
  readonly rules: readonly string[];
}

/** Milliseconds between attempts to reach the broker, and for each of them. */
const [RECONNECT, CONNECT] = [5000, 10_000];
/** Milliseconds for a last word. */
const GOODBYE = 1000;

/** A name as a level of a topic, where `/`, `+` and `#` have a meaning of their own. */
const levelOf = (name: string) => name.replace(/[^\w-]/g, "_");

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
  readonly #options: MqttOptions;
  readonly #login: { readonly username?: string; readonly password?: string };
  readonly #prefix: string;
  #client: Promise<MqttClient> | undefined;
  #lastError = "it does not answer";

  /** Connects when it is started. */
  constructor(source: string, options: MqttOptions) {
    const { url, credentials } = splitCredentials(source);
    this.#url = url;
    this.#options = options;
    this.#login = credentials ? { username: credentials.user, password: credentials.password } : {};
    this.#prefix = prefixOf(url);
    this.name = `publish to ${url.href}`;
  }

  /** Where this command says whether it is there. */
  get #status(): string {
    const cameras = this.#options.cameras.map(levelOf).join("-").slice(0, 64);
    return `${this.#prefix}/status/${cameras}`;
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
    for (const camera of this.#options.cameras) {
      const id = `clip_drift_${levelOf(camera)}`;
      const config = {
        name: "Alert",
        ...{ unique_id: id, state_topic: this.#topic(camera), event_types: this.#options.rules },
        availability_topic: this.#status,
        device: { identifiers: [id], name: camera, manufacturer: "clip-drift" },
      };
      const topic = `homeassistant/event/${id}/config`;
      await client.publishAsync(topic, JSON.stringify(config), retained);
    }
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
