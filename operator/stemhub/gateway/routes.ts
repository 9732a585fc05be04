import type { Route, StemHub } from "../../api/stemhub.ts";

/**
 * The routes of a gateway, longest prefix first. Where the spec names none: /api/ to api and / to web, or / to api when
 * there is no web.
 */
export function routesOf({ spec }: StemHub): readonly Route[] {
  const routes: readonly Route[] = spec.gateway.routes ?? defaultRoutes(spec.components);
  return [...routes].sort((a, b) => b.path.length - a.path.length || (a.path < b.path ? -1 : 1));
}

function defaultRoutes({ api, web }: StemHub["spec"]["components"]): Route[] {
  if (api && web) {
    return [
      { path: "/api/", component: "api", writes: "Refuse", access: "Public" },
      { path: "/", component: "web", writes: "Refuse", access: "Public" },
    ];
  }
  return [{ path: "/", component: web ? "web" : "api", writes: "Refuse", access: "Public" }];
}

/** The route that answers a path: the longest prefix. Undefined where none does. */
export function routeOf(path: string, routes: readonly Route[]): Route | undefined {
  return routes.filter((route) => path.startsWith(route.path)).sort((a, b) => b.path.length - a.path.length)[0];
}
