/**
 * An alert as it is delivered, and what became of it.
 *
 * @module
 */
import type { Alert } from "../alerts.ts";

/** An alert as it is delivered. */
export interface SentAlert extends Alert {
  /** Name of the camera. */
  readonly camera: string;
  /** Its URL or path, without credentials. */
  readonly source: string;
  /** Number of the frame; that of the latest where the alert is that none comes. */
  readonly frame: number;
  /** `time` as ISO 8601, in UTC. */
  readonly isoTime: string;
  /** Path of the snapshot, where a run is written. */
  readonly snapshot?: string;
  /** The snapshot's JPEG in base64, where that was asked for. */
  readonly snapshotJpeg?: string;
}

/** What became of an attempt to deliver an alert to a target. */
export interface DeliveryOutcome {
  /** The alert. */
  readonly alert: SentAlert;
  /** Name of the target. */
  readonly target: string;
  /**
   * `delivered`; `retrying`, after an attempt that failed; `failed`, and given up; `kept`, for the
   * next start; `lost`, because nothing is saved.
   */
  readonly outcome: "delivered" | "retrying" | "failed" | "kept" | "lost";
  /** Attempts so far. */
  readonly attempts: number;
  /** Why it was not delivered. */
  readonly message?: string;
}
