/**
 * What we use of `@platformatic/kafka`.
 *
 * @module
 */

/** What every client has. */
export interface KafkaClient {
  on(event: "error", listener: (error: unknown) => void): unknown;
  close(): Promise<void>;
}

/** What a client knows of topics, by their names. */
export interface KafkaMetadata {
  readonly topics: ReadonlyMap<string, { readonly id: string; readonly partitionsCount: number }>;
}

/** Offsets of a topic, one for each partition that was asked for. */
interface ListedTopic {
  readonly partitions: readonly { readonly partitionIndex: number; readonly offset: bigint }[];
}

/** Committed offsets of a group; -1 where nothing was committed. */
interface ListedGroup {
  readonly topics: readonly {
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly committedOffset: bigint;
    }[];
  }[];
}

/** What we use of its administrator. */
export interface KafkaAdmin extends KafkaClient {
  metadata(options: { topics: string[]; forceUpdate: boolean }): Promise<KafkaMetadata>;
  createTopics(options: {
    topics: string[];
    partitions: number;
    replicas: number;
    configs: { name: string; value: string }[];
  }): Promise<unknown>;
  listOffsets(options: {
    topics: { name: string; partitions: { partitionIndex: number; timestamp: bigint }[] }[];
  }): Promise<ListedTopic[]>;
  listConsumerGroupOffsets(options: {
    groups: { groupId: string; topics: { name: string; partitionIndexes: number[] }[] }[];
  }): Promise<ListedGroup[]>;
  describeGroups(options: { groups: string[] }): Promise<
    ReadonlyMap<string, { readonly members: ReadonlyMap<string, unknown> }>
  >;
}

/** What we use of its producer. */
export interface KafkaProducer extends KafkaClient {
  send(options: {
    messages: { topic: string; key: Uint8Array; value: Uint8Array }[];
    acks: number;
  }): Promise<unknown>;
}

/** What we use of a message that was consumed. */
export interface KafkaMessage {
  readonly partition: number;
  readonly value: Uint8Array;
  commit(): void | Promise<void>;
}

/** Messages as they come. */
export interface KafkaStream extends AsyncIterable<KafkaMessage> {
  on(event: "error", listener: (error: unknown) => void): unknown;
  destroy(): void;
}

/** What we use of its consumer. */
export interface KafkaConsumer {
  on(event: "error", listener: (error: unknown) => void): unknown;
  close(force: boolean): Promise<void>;
  metadata(options: { topics: string[]; forceUpdate: boolean }): Promise<KafkaMetadata>;
  consume(
    options: object,
    callback: (error: Error | null, stream?: KafkaStream) => void,
  ): void;
}

/** What we use of the package. */
export interface KafkaModule {
  /** Administrators. */
  readonly Admin: new (options: object) => KafkaAdmin;
  /** Producers. */
  readonly Producer: new (options: object) => KafkaProducer;
  /** Members of consumer groups. */
  readonly Consumer: new (options: object) => KafkaConsumer;
}
