/**
 * How a process knows that it is one of an item.
 *
 * @module
 */

/** Set in the environment of an item's process. */
export const ITEM_PROCESS = "VCS_ITEM_PROCESS";
