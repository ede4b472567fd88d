/** Where in the page we are: `#/panel/rest`. */

import { signal } from "@preact/signals";

export interface Route {
  readonly panel: string;
  readonly rest: string;
}

function parse(hash: string): Route {
  const [panel = "", ...rest] = hash.replace(/^#\/?/, "").split("/");
  return { panel, rest: rest.join("/") };
}

export const route = signal(parse(location.hash));

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});
