/**
 * What the workspace's other packages share. Nobody else should rely on it.
 *
 * @module
 */
export { type AssetList, readAsset } from "./command/site_assets.ts";
export { SiteError, type SiteErrorCode } from "./command/site_error.ts";
export { Feed, type FeedOptions, type FeedViewer } from "./command/site_feed.ts";
export type { Handler, RouteTable, SiteRequest } from "./command/site_routes.ts";
export { Site, type SiteOptions } from "./command/site.ts";
export { isLoopback } from "./command/site_guard.ts";
