/**
 * Rules that turn measures into alerts: a measure above its threshold for a time raises one
 * alert; the next one needs the measure to come down first, and some time to pass.
 *
 * @example One alert at a change
 * ```ts
 * import { AlertRules, parseRule } from "@vcs/clip-drift/alerts";
 * import assert from "node:assert/strict";
 *
 * const rules = new AlertRules([parseRule("cut: drift > 0.3 cooldown 60s")]);
 * const raised = [0.01, 0.7, 0.8, 0.02, 0.9].flatMap((drift, time) => rules.push({ drift }, time));
 * assert.deepEqual(raised.map(({ rule, time }) => [rule, time]), [["cut", 1]]);
 * ```
 *
 * @module
 */
import { robustScale } from "./measures/charts.ts";
import { type Metric, METRICS } from "./drift.ts";

/**
 * What the watch itself measures, each second, also while no frame comes: seconds without a frame,
 * and percent of the frames of the last minute that gave way to later ones.
 */
export const STATUS_METRICS = ["lost", "left_out"] as const;

/** Name of a measure that rules know. */
export type RuleMetric = Metric | typeof STATUS_METRICS[number];

/** All measures that rules know. */
const RULE_METRICS: readonly RuleMetric[] = [...METRICS, ...STATUS_METRICS];

/** When to raise an alert. */
export interface AlertRule {
  /** Name that the alert carries. */
  readonly name: string;
  /** The measure that is watched. */
  readonly metric: RuleMetric;
  /** Value above which it counts; in deviations above the usual value if `relative` is set. */
  readonly threshold: number;
  /** Whether the threshold is in robust deviations, learned from the first 30 values. */
  readonly relative: boolean;
  /** Seconds that the measure must stay above; 0 for at once. */
  readonly hold: number;
  /** Seconds between alerts. */
  readonly cooldown: number;
  /**
   * Share of the threshold below which the alert is over; of its distance from the usual value if
   * `relative` is set.
   */
  readonly clear: number;
}

/** A raised alert. */
export interface Alert {
  /** Name of the rule. */
  readonly rule: string;
  /** The measure. */
  readonly metric: RuleMetric;
  /** Its value. */
  readonly value: number;
  /** The threshold, as an absolute value. */
  readonly threshold: number;
  /** When, in seconds. */
  readonly time: number;
  /** Alerts that the cool-down held back since the one before. */
  readonly heldBack: number;
}

const BASELINE = 30;
const RULE = /^(?:([\w-]+)\s*:)?\s*(\w+)\s*>\s*(\d*\.?\d+)(mad)?((?:\s+\w+\s+[\d.]+s?)*)$/i;
const CLAUSES = { for: "hold", cooldown: "cooldown", clear: "clear" } as const;

/** Reads the clauses `for 2s`, `cooldown 60s` and `clear 0.7`. */
function parseClauses(words: string, rule: string): Partial<AlertRule> {
  const settings: { hold?: number; cooldown?: number; clear?: number } = {};
  const parts = words.trim() === "" ? [] : words.trim().split(/\s+/);
  for (let i = 0; i < parts.length; i += 2) {
    const name = parts[i]!.toLowerCase();
    const value = Number(parts[i + 1]!.replace(/s$/, ""));
    if (!Object.hasOwn(CLAUSES, name) || !Number.isFinite(value)) {
      throw new SyntaxError(
        `Cannot read rule "${rule}": found "${name} ${
          parts[i + 1]
        }", expected "for 2s", "cooldown 60s" and "clear 0.7"`,
      );
    }
    settings[CLAUSES[name as keyof typeof CLAUSES]] = value;
  }
  return settings;
}

/**
 * Reads a rule such as `moved: reference > 0.3 for 2s cooldown 60s clear 0.5` or `drift > 8mad`.
 * Default: the measure's name, no hold time, a cool-down of 10 s, and an end below 0.7 of the
 * threshold.
 *
 * @throws {SyntaxError} if the text is not a rule
 */
export function parseRule(text: string): AlertRule {
  const match = RULE.exec(text.trim());
  const metric = RULE_METRICS.find((name) => name === match?.[2]?.toLowerCase());
  if (match === null || metric === undefined) {
    throw new SyntaxError(
      `Cannot read rule "${text}": found ${
        match === null ? "no comparison" : `measure ${match[2]}`
      }, expected "name: measure > threshold for 2s cooldown 60s" with one of ${
        RULE_METRICS.join(", ")
      }`,
    );
  }
  return {
    name: match[1] ?? metric,
    metric,
    threshold: Number(match[3]),
    relative: match[4] !== undefined,
    hold: 0,
    cooldown: 10,
    clear: 0.7,
    ...parseClauses(match[5]!, text),
  };
}

/** One rule and its state. */
class RuleState {
  readonly #rule: AlertRule;
  #baseline: number[] = [];
  #levels: { readonly threshold: number; readonly clear: number } | undefined;
  #above: number | undefined;
  #active = false;
  #raisedAt = -Infinity;
  #heldBack = 0;
  #isHeldBack = false;

  constructor(rule: AlertRule) {
    this.#rule = rule;
    if (!rule.relative) this.#setLevels(0, rule.threshold);
  }

  push(value: number | undefined, time: number): Alert | undefined {
    if (value === undefined) return undefined;
    if (this.#levels === undefined) return this.#learn(value);
    const { threshold, clear } = this.#levels;
    if (value <= threshold) {
      this.#above = undefined;
      if (value < clear) this.#active = this.#isHeldBack = false;
      return undefined;
    }
    // A clock that was set back starts hold time and cool-down anew.
    this.#above = Math.min(this.#above ?? time, time);
    if (time < this.#raisedAt) this.#raisedAt = -Infinity;
    if (this.#active || time - this.#above < this.#rule.hold) return undefined;
    return time - this.#raisedAt < this.#rule.cooldown
      ? this.#holdBack()
      : this.#raise(value, threshold, time);
  }

  /** Counts what the cool-down holds back, once until the measure has come down. */
  #holdBack(): undefined {
    if (!this.#isHeldBack) this.#heldBack++;
    this.#isHeldBack = true;
  }

  #raise(value: number, threshold: number, time: number): Alert {
    const { name: rule, metric } = this.#rule;
    // One that lasts beyond the cool-down is this alert.
    const heldBack = this.#heldBack - Number(this.#isHeldBack);
    this.#heldBack = 0;
    this.#isHeldBack = false;
    this.#active = true;
    this.#raisedAt = time;
    return { rule, metric, value, threshold, time, heldBack };
  }

  /** Sets threshold and end of an alert as a height above the usual value. */
  #setLevels(usual: number, height: number): void {
    this.#levels = { threshold: usual + height, clear: usual + this.#rule.clear * height };
  }

  /** Learns the usual value and its spread, until there are enough values. */
  #learn(value: number): undefined {
    this.#baseline.push(value);
    if (this.#baseline.length < BASELINE) return;
    const { centre, spread } = robustScale(this.#baseline);
    this.#baseline = [];
    this.#setLevels(centre, this.#rule.threshold * spread);
  }
}

/** The rules of one stream. */
export class AlertRules {
  readonly #states: RuleState[];
  readonly #rules: readonly AlertRule[];

  /** Starts with no values seen. */
  constructor(rules: readonly AlertRule[]) {
    this.#rules = rules;
    this.#states = rules.map((rule) => new RuleState(rule));
  }

  /**
   * Takes a frame's measures and returns the alerts that they raise.
   *
   * @param row measures by name; those without enough data are undefined or missing
   * @param time seconds, growing; hold times and cool-downs begin anew when they go back
   */
  push(row: { readonly [M in RuleMetric]?: number | undefined }, time: number): Alert[] {
    return this.#states
      .map((state, i) => state.push(row[this.#rules[i]!.metric], time))
      .filter((alert) => alert !== undefined);
  }
}
