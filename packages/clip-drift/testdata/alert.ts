/**
 * An alert for tests.
 *
 * @module
 */
import type { SentAlert } from "../alerts/sent_alert.ts";

/** An alert of the rule `cut`; `frame` tells them apart. */
export function madeAlert(frame = 0, camera = "door"): SentAlert {
  return {
    ...{ rule: "cut", metric: "cut", value: 0.5, threshold: 0.4, time: frame, heldBack: 0 },
    ...{ camera, source: "x", frame, isoTime: new Date(frame * 1000).toISOString() },
  };
}
